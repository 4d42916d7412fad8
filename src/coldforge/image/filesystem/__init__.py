"""The bytes of a layer: tar, wheel, deb, archive, and what is left out."""
