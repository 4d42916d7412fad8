"""Text from a prompt."""
