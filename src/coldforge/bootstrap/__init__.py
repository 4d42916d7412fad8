"""What runs first on a closed host, on any Python from 3.9 and its standard library alone."""
