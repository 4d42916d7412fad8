"""The current block, as a method sees it: linear layers (out_features, in_features) and inputs."""

from dataclasses import dataclass, field
from typing import Any

from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.model.deterministic import Workers
from coldforge.model.families.family import Stage
from coldforge.quantize.blockwise.activations import Feed
from coldforge.quantize.blockwise.outside_blocks import keep
from coldforge.quantize.blockwise.skeleton import Skeleton


@dataclass(frozen=True)
class Stored:
    """One linear layer as stored; `item` is None where it stays as it is."""

    item: Quantized | None
    error: float | None = None
    """Relative squared error of the layer's output."""


@dataclass
class Block:
    """One block in memory."""

    index: int
    skeleton: Skeleton
    workers: Workers
    feed: Feed | None
    """None for methods without calibration."""
    masks: dict[str, Any] = field(default_factory=dict)
    """By layer: true (out_features, in_features) where a weight was pruned and must stay zero."""

    @property
    def stages(self) -> tuple[Stage, ...]:
        """List the stages in the order in which the block computes."""
        return self.skeleton.family.stages

    @property
    def name(self) -> str:
        """Name the block as tensors do: model.layers.3."""
        return f"{self.skeleton.family.blocks}.{self.index}"

    def full(self, layer: str) -> str:
        """Name a layer as the checkpoint does: model.layers.3.mlp.up_proj."""
        return self.skeleton.tensors[self.index][f"{layer}.weight"].removesuffix(".weight")

    def weight(self, layer: str) -> Any:  # noqa: ANN401 - a tensor
        """Return a copy of a linear layer's weight, float32 (out_features, in_features)."""
        weight = self.skeleton.block.get_submodule(layer).weight.detach().float()
        return (weight.T if self.skeleton.family.transposed else weight).clone().contiguous()

    def put(self, layer: str, weight: Any) -> None:  # noqa: ANN401 - a tensor
        """Replace a linear layer's weight, (out_features, in_features)."""
        module = self.skeleton.block.get_submodule(layer)
        transposed = weight.T if self.skeleton.family.transposed else weight
        module.weight.data = transposed.to(module.weight.dtype).contiguous()

    def scale_input(self, stage: Stage, scales: Any) -> None:  # noqa: ANN401 - a tensor
        """Divide a stage's input by `scales` (in_features,), folded into its producer.

        The stage's weights are multiplied by the same, so the block's output stays the same.
        """
        scales = scales.to(self.skeleton.device)
        producer = self.skeleton.block.get_submodule(stage.norm or stage.linear)
        kind = producer.weight.dtype
        if stage.norm:
            producer.weight.data = (producer.weight.float() / scales).to(kind)
        else:
            transposed = self.skeleton.family.transposed
            across = scales if transposed else scales[:, None]
            producer.weight.data = (producer.weight.float() / across).to(kind)
        if getattr(producer, "bias", None) is not None:
            producer.bias.data = (producer.bias.float() / scales).to(kind)
        for layer in stage.layers:
            self.put(layer, self.weight(layer) * scales)


def foldable(block: Block, stage: Stage) -> bool:
    """Tell whether a norm or linear layer produces the stage's input element by element.

    With grouped-query attention, v_proj has fewer outputs than o_proj has inputs.
    """
    if stage.norm:
        return True
    return bool(stage.linear) and (
        block.weight(stage.linear).shape[0] == block.weight(stage.layers[0]).shape[1]
    )


def storable(block: Block, stage: Stage, scales: Any) -> Any:  # noqa: ANN401 - tensors
    """Return the scales nearest to `scales` (in_features,) that a norm in 16 bits can absorb.

    An input whose norm weight cannot be stored keeps 1. A linear layer absorbs any scales.
    """
    import torch

    if not stage.norm:
        return scales
    before = block.skeleton.block.get_submodule(stage.norm).weight
    kind = keep(block.skeleton.checkpoint)
    after = (before.float() / scales).to(before.dtype).to(kind)
    valid = torch.isfinite(after) & (after.abs() >= torch.finfo(kind).smallest_normal)
    return torch.where(valid, before.float() / after.float(), torch.ones_like(scales))


def fold(block: Block, stage: Stage, scales: Any) -> None:  # noqa: ANN401 - a tensor
    """Divide a stage's input by storable `scales` (in_features,) and multiply its weights by them.

    A linear layer that produces the input must not be quantised yet.
    """
    block.scale_input(stage, scales)
    producer = block.skeleton.block.get_submodule(stage.norm or stage.linear)
    kind = keep(block.skeleton.checkpoint)
    for part in ("weight", "bias") if stage.norm else ("bias",):
        item = getattr(producer, part, None)
        if item is not None:
            # Compute with exactly the numbers that are stored.
            item.data = item.to(kind).to(item.dtype)
