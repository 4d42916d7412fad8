"""ONNX Runtime: its graph, its runner, its memory."""
