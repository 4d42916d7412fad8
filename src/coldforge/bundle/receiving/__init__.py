"""The closed side: volumes in any order, proved, repaired, made visible."""
