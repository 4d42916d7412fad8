"""What one card holds after loading: codes, scales and scaled zeros, as its kernels read them."""

from dataclasses import dataclass
from typing import Any

from coldforge.engine.tensorrt_llm.loader.failure import REQUANTISE, TP, Crash

CODE_OFFSET = 8
"""Engines store codes less this: signed, from -8 to 7."""
ZERO_POINT_OFFSET = CODE_OFFSET - 1
"""Stored zero points are subtracted from this: GPTQ v1 files store them one too low."""
GROUPS = (64, 128)
"""Weights a group: fpA_intB_gemm_template.h throws for others, in all releases known here."""
MULTIPLE = 64
"""Inputs and outputs of a card's share: cutlass_preprocessors.cpp checks it."""


@dataclass(frozen=True)
class LoadedWeights:
    """A card's share of a matrix, as loaded."""

    codes: Any
    """int8 (rows, columns), less CODE_OFFSET."""
    scales: Any
    """(groups, columns), in the engine's type."""
    scaled_zeros: Any
    """(offset - zero point) * scale, (groups, columns), in the engine's type; None without them.

    A weight is code * scale + scaled zero.
    """

    def cut(self, rows: slice, columns: slice) -> "LoadedWeights":
        """Return a part of it; rows start at the first of all."""
        scaled_zeros = None if self.scaled_zeros is None else self.scaled_zeros[:, columns]
        return LoadedWeights(self.codes[rows, columns], self.scales[:, columns], scaled_zeros)


def nibbles(words: Any) -> Any:  # noqa: ANN401 - tensors
    """Unpack int32 (n, m) into int8 (n, 8m), lowest bits first."""
    import torch

    fields = [((words >> (4 * at)) & 15).to(torch.int8) for at in range(8)]
    return torch.stack(fields, dim=-1).reshape(len(words), -1)


def from_gptq(qweight: Any, qzeros: Any, scales: Any) -> LoadedWeights:  # noqa: ANN401 - tensors
    """Decode as 0.5.0 to 0.10 do; scaled zeros are rounded to float16.

    Source: preprocess_groupwise_weight_params of examples/llama/weight.py.
    """
    codes = nibbles(qweight.T.contiguous()).T - CODE_OFFSET
    return LoadedWeights(codes, scales, ((ZERO_POINT_OFFSET - nibbles(qzeros)) * scales).half())


def fit(loaded: LoadedWeights, rows: int, columns: int, group: int) -> LoadedWeights:
    """Return weights whose shapes are those of their place; raise Crash for others."""
    for what, found, place in (
        ("share", loaded.codes, (rows, columns)),
        ("share of scales", loaded.scales, (rows // group, columns)),
    ):
        if tuple(found.shape) != place:
            raise Crash(f"a card's {what} is {_by(found.shape)}, the engine takes {_by(place)}", TP)
    if rows % MULTIPLE or columns % MULTIPLE:
        sizes = f"{_by((rows, columns))}; kernels take multiples of {MULTIPLE}"
        raise Crash(f"a card's share is {sizes}", TP)
    return loaded


def check_group(group: int) -> None:
    """Raise Crash for groups without a kernel."""
    if group not in GROUPS:
        size = f"groups of {group}" if group > 0 else "one group a layer"
        raise Crash(f"{size}; its kernels take 64 or 128", REQUANTISE)


def _by(shape: Any) -> str:  # noqa: ANN401 - numbers
    return " by ".join(map(str, shape))
