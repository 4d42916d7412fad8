"""Engines: a checkpoint compiled for one runtime; built, checked, run, measured."""
