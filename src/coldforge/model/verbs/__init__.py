"""What users ask of a model: plain arguments in, plain results out; tasks only print them."""
