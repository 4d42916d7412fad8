"""What an image is made of: stacks, recipes, and the lock that pins their bytes."""
