"""From locked blobs to an OCI image: normalised layers, contained steps, identity."""
