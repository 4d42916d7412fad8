"""Whether backends give the same logits for the same tokens."""
