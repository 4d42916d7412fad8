"""The receiving side: verify, repair and store the contents of volumes."""
