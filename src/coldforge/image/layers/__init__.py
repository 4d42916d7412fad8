"""Layers and wheels made: laid out from blobs, or by a script in a container."""
