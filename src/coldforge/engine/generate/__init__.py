"""Generating text with an engine."""
