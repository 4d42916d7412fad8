"""How much each layer minds fewer bits, and the best use of a given number of bytes."""
