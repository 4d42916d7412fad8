"""Quantise a model: methods, calibration, solvers, one block in memory at a time."""
