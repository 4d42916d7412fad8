"""The speed and memory of engines."""
