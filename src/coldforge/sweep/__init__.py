"""Models times methods times backends, each cell done once."""
