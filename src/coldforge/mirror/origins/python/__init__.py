"""Python indexes: wheels and sdists, resolved by uv."""
