"""Many models and methods in one run: survey and sweep."""
