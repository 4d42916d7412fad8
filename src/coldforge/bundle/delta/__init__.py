"""Deltas of a blob against one that the receiver has, and compression."""
