"""From a stack to an image: plan, cache key, builder, wheels, verification."""
