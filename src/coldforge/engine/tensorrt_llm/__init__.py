"""TensorRT-LLM: building an engine, the weight loaders of its releases, memory."""
