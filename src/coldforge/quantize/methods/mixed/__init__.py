"""A bit width per layer, by measured sensitivity."""
