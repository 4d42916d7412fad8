"""Language models: families, loading, tokens, generation; runs inside the runtime image."""
