"""What a release of TensorRT-LLM reads in a checkpoint, computed without it."""
