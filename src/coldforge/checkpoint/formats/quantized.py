"""One linear layer's integer weight, as every method makes it and every format stores it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Quantized:
    """Codes, scales and zero points: weight[i, o] = (codes[i, o] - zeros[g, o]) * scales[g, o].

    g is the group of input i: `order[i]` where there is an order, else i // (inputs / groups).
    """

    bits: int
    codes: Any
    """uint8 tensor (in_features, out_features): 0 … 2**bits - 1; with one bit 0 and 2, zeros 1."""
    scales: Any
    """float16, bfloat16 or float32 tensor (groups, out_features), as it is stored."""
    zeros: Any
    """int16 tensor (groups, out_features): zero points without any format's offset."""
    order: Any = None
    """int32 tensor (in_features,): each input's group, where groups are out of order (g_idx)."""
    input_scale: Any = None
    """float32 tensor (1,): the scale of statically quantised int8 inputs (w8a8)."""

    @property
    def group_size(self) -> int:
        """Count the inputs that share a scale."""
        return int(self.codes.shape[0] // self.scales.shape[0])

    @property
    def symmetric(self) -> bool:
        """Tell whether every zero point is the middle of the codes."""
        return bool((self.zeros == 1 << (self.bits - 1)).all())

    def weight(self) -> Any:  # noqa: ANN401 - a tensor
        """Decode to float32 (out_features, in_features), as nn.Linear holds it."""
        import torch

        rows = self.order
        if rows is None:
            rows = torch.arange(len(self.codes), device=self.codes.device) // self.group_size
        rows = rows.long()
        steps = self.codes.to(torch.float32) - self.zeros.to(torch.float32)[rows]
        return (steps * self.scales.to(torch.float32)[rows]).T.contiguous()
