#!/bin/sh
# The kernels load beside the torch they were compiled against, on a machine that may have no GPU.
set -eu
export HF_HUB_OFFLINE=1
python3 - <<'END'
import torch, gptqmodel_exllamav2_kernels
assert torch.version.cuda == "13.0", torch.version.cuda
assert callable(gptqmodel_exllamav2_kernels.gemm_half_q_half)
print("torch", torch.__version__, "kernels of", gptqmodel_exllamav2_kernels.__file__)
END
