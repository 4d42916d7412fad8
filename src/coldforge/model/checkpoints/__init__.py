"""What a user does with checkpoints: convert, join, inspect, diff."""
