"""Reproducible TensorRT-LLM images, quantised models and engines from a locked mirror."""

__version__ = "0.2.0"
