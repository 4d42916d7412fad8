"""Engines and models that answer: tokens in, tokens and logits out."""
