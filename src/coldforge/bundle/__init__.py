"""What crosses the air gap: inventories, bundles, and taking them in."""
