"""Engines and models that generate: tokens in, tokens and logits out."""
