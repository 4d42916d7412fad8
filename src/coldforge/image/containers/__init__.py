"""Steps and launches in containers of the Docker Engine."""
