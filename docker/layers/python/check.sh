#!/bin/sh
# The quantiser and what it stands on import, and torch multiplies, with nothing writable but /tmp.
set -eu
export HF_HUB_OFFLINE=1
python3 - <<'END'
import compressed_tensors, safetensors, tokenizers, torch, transformers
assert torch.ones(2, 2).matmul(torch.ones(2, 2)).sum().item() == 8
print("torch", torch.__version__, "transformers", transformers.__version__)
END
