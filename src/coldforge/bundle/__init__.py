"""Bundles across an air gap: inventories, packing, receiving."""
