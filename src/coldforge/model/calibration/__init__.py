"""What a method looks at besides the weights: frozen windows of tokens."""
