"""A built image where it is to run: engines, registries, fleets."""
