"""Every method on a model, in one table of sizes, errors, seconds and memory."""
