"""TensorRT-LLM: building an engine, the weight loaders of its releases, memory."""

from coldforge.engine.tensorrt_llm.backend import BACKEND

__all__ = ["BACKEND"]
