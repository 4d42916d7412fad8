"""From a checkpoint to an ONNX graph that keeps the quantised codes as they are."""
