"""What an image is made of: stack files, layer and wheel recipes, and the lock that pins their bytes."""
