"""SBOMs, provenance and attestations of an image, and their checks."""
