"""Frozen windows of token ids that a method observes activations on."""
