"""The licences that packages declare, read from their own files."""
