"""From a checkpoint to an ONNX graph, quantised weights as they are."""
