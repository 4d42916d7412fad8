"""Models loaded in processes of their own, so that two fit side by side."""
