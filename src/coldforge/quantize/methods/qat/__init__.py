"""Quantisation-aware training: fine-tuning under fake quantisation."""
