"""How quantised weights lie in a checkpoint: one module a format."""
