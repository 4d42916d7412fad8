"""Quantisation-aware training: fine-tuning under fake quantisation."""

from coldforge.quantize.methods.qat.method import METHOD

__all__ = ["METHOD"]
