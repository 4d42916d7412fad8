"""Hand-carried files: one module a kind, which recognises files by their content."""
