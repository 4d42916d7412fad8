"""Models by methods by backends, no cell done twice; here or on a Ray cluster."""
