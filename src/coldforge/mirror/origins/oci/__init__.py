"""Image registries: references, manifests, blobs."""
