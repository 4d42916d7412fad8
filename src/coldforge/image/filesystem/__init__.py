"""The bytes of a layer: tar, wheel, deb, archive, and the paths left out."""
