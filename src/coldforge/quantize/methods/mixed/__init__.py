"""A bit width per layer, by measured sensitivity."""

from coldforge.quantize.methods.mixed.method import METHOD

__all__ = ["METHOD"]
