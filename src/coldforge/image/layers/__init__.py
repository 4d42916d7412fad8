"""Make layers and wheels: assembled from blobs, or built by a script in a container."""
