"""Load a checkpoint as a release would, and say of each layer what came of it."""

from collections.abc import Iterator, Mapping
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.engine.tensorrt_llm.build.rope import rotary
from coldforge.engine.tensorrt_llm.loader.compare import compare, pieces
from coldforge.engine.tensorrt_llm.loader.failure import JOIN, PLAIN, REQUANTISE, UNIFIED, Crash
from coldforge.engine.tensorrt_llm.loader.loader import Loader, refuse_width
from coldforge.engine.tensorrt_llm.loader.unquantised import IDLE, OURS, cast, left_out
from coldforge.engine.tensorrt_llm.loader.verdict import (
    LEFT_OUT,
    LEFT_RANDOM,
    Finding,
    crashed,
    judge,
)
from coldforge.engine.tensorrt_llm.loader.weight_layout import Slot, Stored, slots
from coldforge.errors import ColdforgeError
from coldforge.model.families.dimensions import dimensions
from coldforge.model.loading.reading import Reader
from coldforge.progress import Step, step

HEAD = "lm_head"


class Check:
    """One checkpoint before one loader."""

    def __init__(self, checkpoint: Checkpoint, loader: Loader, tp: int, dtype: str) -> None:
        """Open the files."""
        self.checkpoint, self.loader, self.tp, self.dtype = checkpoint, loader, tp, dtype
        self.reader = Reader(checkpoint)
        self.dims = dimensions(checkpoint.config)
        self.quantised = {name for name, item in checkpoint.linears.items() if item.format}

    def findings(self) -> list[Finding]:
        """Judge the quantised layers, then all other tensors, then the config."""
        found: list[Finding] = []
        with step("Loading as it would", len(self.checkpoint.linears), "layers") as work:
            if self.quantised:
                found += self._quantised(work)
            found += self._others(work)
        return [*found, *overlooked(self.checkpoint.config, self.loader)]

    def _quantised(self, work: Step) -> Iterator[Finding]:
        """Go through the blocks matrix by matrix; what stops all stops each."""
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
            yield crashed(name, Crash("no place for it, quantised", PLAIN))

    def _slot(self, slot: Slot) -> Iterator[Finding]:
        """Judge the layers of one matrix."""
        try:
            for name in slot.parts:
                if name not in self.quantised:
                    why = self.loader.absent(name)
                    yield Finding(name, LEFT_RANDOM, why, 1.0, None, REQUANTISE)
                    return
            refuse_width(self.checkpoint, slot.parts, slot.target.group)
            parts = [self._stored(name) for name in slot.parts]
            held = [self.loader.hold(slot, parts, rank) for rank in range(self.tp)]
        except Crash as crash:
            yield from (crashed(name, crash) for name in slot.parts)
            return
        found = pieces(slot, held, self.loader.share(slot))
        for name, mine in zip(slot.parts, found, strict=True):
            truth = self.reader.layer(self.checkpoint.linears[name])
            yield judge(name, slot, truth, compare(truth, mine, slot.target.group))

    def _stored(self, name: str) -> Stored:
        tensors = self.checkpoint.linears[name].tensors
        return {suffix: self.reader.tensor(name + suffix) for suffix in tensors}

    def _refuse_files(self) -> None:
        if self.loader.one_file and len(self.checkpoint.files) > 1:
            raise Crash(f"reads one file, not {len(self.checkpoint.files)}", JOIN)

    def _others(self, work: Step) -> Iterator[Finding]:
        """Judge the tensors of no quantised layer."""
        linears = self.checkpoint.linears
        parts = {name + part for name in self.quantised for part in linears[name].tensors}
        for name in sorted(set(self.checkpoint.tensors) - parts):
            stem = name.rpartition(".")[0]
            plain = stem in linears and stem not in self.quantised and name.endswith(".weight")
            work.advance(int(plain))
            if self.quantised and plain:
                continue  # told where its matrix was looked for
            if name.endswith(IDLE) or name == "lm_head.weight":
                continue
            tensor = self.reader.tensor(name)
            read = plain or name.endswith(OURS) or self._bias(name) or not self.dims.family.gated
            yield cast(name, tensor, self.dtype) if read else left_out(name, tensor)
        if self.dims.family.gated:
            yield self._head()

    def _bias(self, name: str) -> bool:
        kind = str(self.checkpoint.config.get("model_type"))
        return name.endswith(".bias") and kind in self.loader.biases

    def _head(self) -> Finding:
        """Judge the output head."""
        try:
            name = self.loader.head(self.checkpoint, self.tp)
        except Crash as crash:
            return crashed("lm_head.weight", crash)
        if not name:
            why = "the file has none, which nothing notices: the embedding is not taken for it"
            return Finding("lm_head.weight", LEFT_RANDOM, why, 1.0, None, UNIFIED)
        return cast("lm_head.weight", self.reader.tensor(name), self.dtype)


def overlooked(config: Mapping[str, Any], loader: Loader) -> list[Finding]:
    """Name rotary positions that neither the release finds nor its builder can be told."""
    try:
        rotary(config, loader.reads_config, list(loader.rope))
    except ColdforgeError as error:
        return [Finding("config.json", LEFT_OUT, error.message, 1.0, None, error.hint)]
    return []
