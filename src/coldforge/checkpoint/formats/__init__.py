"""How quantised weights are stored in a checkpoint: one module a format."""
