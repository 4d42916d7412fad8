"""What quantisation cost and gained, on one page."""
