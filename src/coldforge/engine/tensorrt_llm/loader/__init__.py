"""What each release decodes from a checkpoint, computed without it."""
