"""What pip, apt, git and the container tools are configured to do, read as they read it."""
