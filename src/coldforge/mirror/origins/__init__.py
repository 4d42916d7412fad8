"""Where a blob can come from: one module an origin, base URLs from the user's own configuration."""
