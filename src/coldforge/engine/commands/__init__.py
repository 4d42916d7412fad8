"""One module a task: plain arguments in, a dict out."""
