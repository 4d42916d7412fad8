"""ONNX Runtime: its graph, its runner, its memory."""

from coldforge.engine.onnxruntime.backend import BACKEND

__all__ = ["BACKEND"]
