"""What runs first on a closed host: Python 3.9 or newer and its standard library only."""
