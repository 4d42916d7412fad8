"""TensorRT-LLM: one vocabulary, translated for each release."""
