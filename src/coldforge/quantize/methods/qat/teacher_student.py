"""The original model as teacher, and the student with rounded weights."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from coldforge.model.deterministic import Workers
from coldforge.model.families.registry import stores_transposed
from coldforge.model.loading.load import load_model
from coldforge.quantize.blockwise.request import Request


class TeacherStudent:
    """Two models in memory that share all parameters but those in training."""

    def __init__(self, request: Request, layers: Sequence[str]) -> None:
        """Load the model twice; `layers` are named as in the checkpoint."""
        import torch

        self.dtype, self.device = getattr(torch, request.dtype), request.device
        self.teacher = load_model(request.checkpoint).requires_grad_(False).to(self.device)
        # deepcopy shares what its memo already holds.
        shared: dict[int, Any] = {id(item): item for item in self.teacher.parameters()}
        self.student = copy.deepcopy(self.teacher, shared)
        self._transposed = stores_transposed(request.checkpoint.config)
        self._modules = {layer: self._module(layer) for layer in layers}

    def weight(self, layer: str) -> Any:  # noqa: ANN401 - a tensor
        """Return a copy of a layer's original weight, float32 (out_features, in_features)."""
        return self._across(self._modules[layer].weight.detach()).clone().contiguous()

    def put(self, weights: Mapping[str, Any]) -> None:
        """Set the student's weights, (out_features, in_features), as parameters to be trained."""
        import torch

        for layer, weight in weights.items():
            stored = self._across(weight).contiguous()
            self._modules[layer].weight = torch.nn.Parameter(stored)

    def gradients(self, windows: Sequence[Sequence[int]], pool: Workers) -> tuple[float, list[Any]]:
        """Return the mean divergence over windows, nats a token, and its gradient by layer.

        A thread computes a complete window, and gradients are summed window by window: the result
        does not depend on the number of threads.
        """
        found = pool.map(self._one, windows)
        total = [
            sum(each) / len(windows) for each in zip(*(grads for _, grads in found), strict=True)
        ]
        return sum(loss for loss, _ in found) / len(windows), total

    def _one(self, window: Sequence[int]) -> tuple[float, list[Any]]:
        import torch

        ids = torch.tensor([list(window)], device=self.device)
        narrow = self.dtype != torch.float32
        with torch.autocast(self.device, self.dtype, enabled=narrow):
            with torch.no_grad():
                target = self.teacher(ids, use_cache=False).logits[0].float().log_softmax(-1)
            with torch.enable_grad():
                found = self.student(ids, use_cache=False).logits[0].float().log_softmax(-1)
        with torch.enable_grad():
            loss = ((target - found) * target.exp()).sum() / len(window)
            weights = [module.weight for module in self._modules.values()]
            grads = torch.autograd.grad(loss, weights)
        return float(loss), [self._across(item) for item in grads]

    def _across(self, weight: Any) -> Any:  # noqa: ANN401 - tensors
        return weight.T if self._transposed else weight

    def _module(self, layer: str) -> Any:  # noqa: ANN401 - a torch module
        """Find a layer's module; some checkpoints omit the base model's prefix."""
        known = {name for name, _ in self.student.named_modules()}
        prefix = "" if layer in known else f"{self.student.base_model_prefix}."
        return self.student.get_submodule(prefix + layer)
