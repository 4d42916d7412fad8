"""Debian archives: indexes, signatures, the resolver."""
