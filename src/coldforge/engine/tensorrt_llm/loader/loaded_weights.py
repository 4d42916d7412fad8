"""What one card holds after loading, and what its kernels compute with."""

from dataclasses import dataclass
from typing import Any

from coldforge.engine.tensorrt_llm.loader.failure import REQUANTISE, TP, Crash

HALF = 8
"""The code of zero: codes are held less 8."""
ZERO_POINT_OFFSET = 7
"""8 less the 1 that v1 files store zero points too low by."""
GROUPS = (64, 128)
"""Weights a group: fpA_intB_gemm_template.h throws for others, in all releases known here."""
MULTIPLE = 64
"""Inputs and outputs of a card's share: cutlass_preprocessors.cpp checks it."""


@dataclass(frozen=True)
class LoadedWeights:
    """A card's share of a matrix."""

    codes: Any
    """int8 (rows, columns), less 8."""
    scales: Any
    """(groups, columns), in the engine's type."""
    products: Any
    """Zero point times scale, (groups, columns), in the engine's type; None without zero points.

    A weight is code * scale + product.
    """

    def cut(self, rows: slice, columns: slice) -> "LoadedWeights":
        """Return a part of it; rows start at the first of all."""
        products = None if self.products is None else self.products[:, columns]
        return LoadedWeights(self.codes[rows, columns], self.scales[:, columns], products)


def nibbles(words: Any) -> Any:  # noqa: ANN401 - tensors
    """Unpack int32 (n, m) into int8 (n, 8m), lowest bits first."""
    import torch

    fields = [((words >> (4 * at)) & 15).to(torch.int8) for at in range(8)]
    return torch.stack(fields, dim=-1).reshape(len(words), -1)


def from_gptq(qweight: Any, qzeros: Any, scales: Any) -> LoadedWeights:  # noqa: ANN401 - tensors
    """Decode as 0.5.0 to 0.10 do; `products` are rounded to float16.

    Source: preprocess_groupwise_weight_params of examples/llama/weight.py.
    """
    codes = nibbles(qweight.T.contiguous()).T - HALF
    return LoadedWeights(codes, scales, ((ZERO_POINT_OFFSET - nibbles(qzeros)) * scales).half())


def fit(held: LoadedWeights, rows: int, columns: int, group: int) -> LoadedWeights:
    """Return what fits its place; raise Crash."""
    for what, found, place in (
        ("share", held.codes, (rows, columns)),
        ("share of scales", held.scales, (rows // group, columns)),
    ):
        if tuple(found.shape) != place:
            raise Crash(f"a card's {what} is {_by(found.shape)}, its place {_by(place)}", TP)
    if rows % MULTIPLE or columns % MULTIPLE:
        sizes = f"{_by((rows, columns))}; kernels take multiples of {MULTIPLE}"
        raise Crash(f"a card's share is {sizes}", TP)
    return held


def check_group(group: int) -> None:
    """Raise Crash for groups without a kernel."""
    if group not in GROUPS:
        size = f"groups of {group}" if group > 0 else "one group a layer"
        raise Crash(f"{size}; its kernels take 64 or 128", REQUANTISE)


def _by(shape: Any) -> str:  # noqa: ANN401 - numbers
    return " by ".join(map(str, shape))
