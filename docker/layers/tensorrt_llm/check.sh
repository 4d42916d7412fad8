#!/bin/sh
# It imports, which loads its libraries and theirs, on a machine that may have no GPU.
exec python3 -c 'import tensorrt_llm; print("tensorrt_llm", tensorrt_llm.__version__)'
