"""The machine the tool runs on: what it lacks, and the Docker Engine it needs."""
