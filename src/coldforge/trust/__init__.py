"""Keys, signatures, and whose signatures count here."""
