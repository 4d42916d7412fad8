"""Atomic writes, locks, digests and JSON lines."""
