"""A model walked block by block: its memory is one block, whatever its size."""
