"""Hand-carried files: what each one is, told from what is inside, a file a kind."""
