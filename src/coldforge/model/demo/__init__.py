"""Something real to quantise, trained on the spot."""
