"""Builds an engine: options become the command lines of a release's programs."""
