"""A blob as the difference to one that the receiver has."""
