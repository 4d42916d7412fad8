"""What each release loads from a checkpoint, computed without the release."""
