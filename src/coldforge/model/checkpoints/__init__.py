"""What a user does with checkpoints: convert, inspect, join, diff."""
