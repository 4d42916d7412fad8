"""Quantisation-aware training: weights that are rounded as they learn."""
