"""A small model trained on the spot, for demonstrations and tests."""
