"""Load a checkpoint as a release would, and compare each layer with the original meaning."""

from collections.abc import Iterator, Mapping
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.engine.tensorrt_llm.build.options import rotary
from coldforge.engine.tensorrt_llm.loader.failure import (
    BF16,
    JOIN,
    PLAIN,
    REQUANTISE,
    UNIFIED,
    Crash,
)
from coldforge.engine.tensorrt_llm.loader.loader import Loader, refuse_width
from coldforge.engine.tensorrt_llm.loader.verdict import (
    EXACT,
    LEFT_OUT,
    LEFT_RANDOM,
    OVERFLOWS,
    ROUNDED,
    Finding,
    crashed,
    find_verdict,
)
from coldforge.engine.tensorrt_llm.loader.weight_difference import compare, pieces
from coldforge.engine.tensorrt_llm.loader.weight_layout import LayerTensors, Slot, slots
from coldforge.errors import ColdforgeError
from coldforge.model.families.dimensions import dimensions
from coldforge.model.loading.reading import Reader
from coldforge.progress import Step, step

HEAD = "lm_head"
ROWS = 4096
"""Rows of a tensor compared at a time."""
READ = ("embed_tokens.weight", "norm.weight", "layernorm.weight", "lm_head.weight")
"""Endings of the tensors that every release reads."""
UNUSED = ("rotary_emb.inv_freq",)
"""Endings of the tensors that no release needs."""


class LoadCheck:
    """Checks one checkpoint with one release's loader."""

    def __init__(self, checkpoint: Checkpoint, loader: Loader, tp: int, dtype: str) -> None:
        """Open the files."""
        self.checkpoint, self.loader, self.tp, self.dtype = checkpoint, loader, tp, dtype
        self.reader = Reader(checkpoint)
        self.dims = dimensions(checkpoint.config)
        self.quantised = {name for name, item in checkpoint.linears.items() if item.format}

    def findings(self) -> list[Finding]:
        """Check the quantised layers, then all other tensors, then the config."""
        found: list[Finding] = []
        with step("Loading as it would", len(self.checkpoint.linears), "layers") as work:
            if self.quantised:
                found += self._quantised(work)
            found += self._others(work)
        return [*found, *overlooked(self.checkpoint.config, self.loader)]

    def _quantised(self, work: Step) -> Iterator[Finding]:
        """Check the blocks matrix by matrix; report an error of the file for each layer."""
        try:
            self._refuse_files()
            target = self.loader.target(self.checkpoint, self.dims, self.tp, self.dtype)
            places = list(slots(target))
        except Crash as crash:
            work.advance(len(self.quantised))
            yield from (crashed(name, crash) for name in sorted(self.quantised))
            return
        known = {name for slot in places for name in slot.parts}
        for slot in places:
            yield from self._slot(slot)
            work.advance(len(slot.parts))
        for name in sorted(self.quantised - known - {HEAD}):
            work.advance(1)
            yield crashed(name, Crash("reads it only if it is not quantised", PLAIN))

    def _slot(self, slot: Slot) -> Iterator[Finding]:
        """Check the layers of one matrix."""
        try:
            for name in slot.parts:
                if name not in self.quantised:
                    why = self.loader.absent(name)
                    yield Finding(name, LEFT_RANDOM, why, 1.0, None, REQUANTISE)
                    return
            refuse_width(self.checkpoint, slot.parts, slot.target.group)
            parts = [self._stored(name) for name in slot.parts]
            loaded = [self.loader.load(slot, parts, rank) for rank in range(self.tp)]
        except Crash as crash:
            yield from (crashed(name, crash) for name in slot.parts)
            return
        found = pieces(slot, loaded, self.loader.share(slot))
        for name, part in zip(slot.parts, found, strict=True):
            truth = self.reader.layer(self.checkpoint.linears[name])
            yield find_verdict(name, slot, truth, compare(truth, part, slot.target.group))

    def _stored(self, name: str) -> LayerTensors:
        tensors = self.checkpoint.linears[name].tensors
        return {suffix: self.reader.tensor(name + suffix) for suffix in tensors}

    def _refuse_files(self) -> None:
        if self.loader.one_file and len(self.checkpoint.files) > 1:
            raise Crash(f"reads one file, not {len(self.checkpoint.files)}", JOIN)

    def _others(self, work: Step) -> Iterator[Finding]:
        """Check the tensors that belong to no quantised layer."""
        linears = self.checkpoint.linears
        parts = {name + part for name in self.quantised for part in linears[name].tensors}
        for name in sorted(set(self.checkpoint.tensors) - parts):
            stem = name.rpartition(".")[0]
            plain = stem in linears and stem not in self.quantised and name.endswith(".weight")
            work.advance(int(plain))
            if self.quantised and plain:
                continue  # reported with its matrix
            if name.endswith(UNUSED) or name == "lm_head.weight":
                continue
            tensor = self.reader.tensor(name)
            read = plain or name.endswith(READ) or self._bias(name) or not self.dims.family.gated
            yield cast(name, tensor, self.dtype) if read else left_out(name, tensor)
        if self.dims.family.gated:
            yield self._head()

    def _bias(self, name: str) -> bool:
        kind = str(self.checkpoint.config.get("model_type"))
        return name.endswith(".bias") and kind in self.loader.biases

    def _head(self) -> Finding:
        """Check the output head."""
        try:
            name = self.loader.head(self.checkpoint, self.tp)
        except Crash as crash:
            return crashed("lm_head.weight", crash)
        if not name:
            why = "the file has none, which nothing notices: the embedding is not taken for it"
            return Finding("lm_head.weight", LEFT_RANDOM, why, 1.0, None, UNIFIED)
        return cast("lm_head.weight", self.reader.tensor(name), self.dtype)


def overlooked(config: Mapping[str, Any], loader: Loader) -> list[Finding]:
    """List rotary settings that the release does not read and its builder has no flag for."""
    try:
        rotary(config, loader.reads_config, list(loader.rope))
    except ColdforgeError as error:
        return [Finding("config.json", LEFT_OUT, error.message, 1.0, None, error.hint)]
    return []


def cast(name: str, tensor: Any, dtype: str) -> Finding:  # noqa: ANN401 - a tensor
    """Report what casting a tensor to the engine's type changes."""
    import torch

    kind, wrong, lost, largest = getattr(torch, dtype), 0, 0, 0.0
    for block in tensor.split(ROWS):
        stored = block.float()
        engine = block.to(kind).float()
        beyond = engine.isinf() & stored.isfinite()
        wrong += int(beyond.sum())
        far = (engine - stored)[~beyond].abs()
        lost += int((far > 0).sum())
        largest = max(largest, float(far.max()) if far.numel() else 0.0)
    if wrong:
        why = f"{dtype} holds no number as large as some of its"
        return Finding(name, OVERFLOWS, why, wrong / tensor.numel(), None, BF16)
    if lost:
        was = str(tensor.dtype).removeprefix("torch.")
        return Finding(name, ROUNDED, f"{was} becomes {dtype}", largest=largest)
    return Finding(name, EXACT)


def left_out(name: str, tensor: Any) -> Finding:  # noqa: ANN401 - a tensor
    """Report that a release does not read a tensor; harmless if it is all zeros."""
    if not bool(tensor.any()):
        return Finding(name, EXACT)
    largest = float(tensor.float().abs().max())
    why = "its Llama has no place for it"
    return Finding(name, LEFT_OUT, why, 1.0, largest, UNIFIED)
