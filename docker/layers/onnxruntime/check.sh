#!/bin/sh
# The runtime multiplies four-bit weights, which is what it is here for.
set -eu
python3 - <<'END'
import onnx, onnxruntime, onnxruntime_genai, polygraphy
assert "CPUExecutionProvider" in onnxruntime.get_available_providers()
print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
END
