"""The locked bytes: where they come from, how they arrive, and that they are still right."""
