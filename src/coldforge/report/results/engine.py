"""Results about engines: built, checked, measured."""

from typing import Any

import msgspec

from coldforge.report.page.formatting import form
from coldforge.report.results.model import Result


class Percentiles(msgspec.Struct):
    """A latency over the repeats, in milliseconds."""

    mean: float | None = None
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None


class BenchCell(msgspec.Struct):
    """One engine at one point of the grid."""

    input_len: int
    output_len: int
    batch_size: int = 1
    ttft_ms: Percentiles | None = None
    tpot_ms: Percentiles | None = None
    itl_ms: Percentiles | None = None
    e2e_ms: Percentiles | None = None
    output_tokens_per_s: float | None = None
    host_peak_bytes: int | None = None
    device_peak_bytes: int | None = None
    speedup: float | None = None

    @property
    def place(self) -> tuple[int, int, int]:
        """Return its point of the grid: tokens in and out, batch size."""
        return self.input_len, self.output_len, self.batch_size

    @property
    def title(self) -> str:
        """Name its point of the grid."""
        batch = f", batch {self.batch_size}" if self.batch_size != 1 else ""
        return f"{form(self.input_len, 'count')} → {form(self.output_len, 'count')}{batch}"


class ProcessMemory(msgspec.Struct):
    """Memory of the process that runs an engine."""

    host_loaded_bytes: int | None = None
    host_peak_bytes: int | None = None
    device_loaded_bytes: int | None = None
    device_peak_bytes: int | None = None


class BenchedEngine(msgspec.Struct):
    """One engine of a bench."""

    name: str
    cells: list[BenchCell]
    backend: str = ""
    precision: str = ""
    digest: str | None = None
    checkpoint: str | None = None
    disk_bytes: int | None = None
    load_seconds: float | None = None
    memory: ProcessMemory = msgspec.field(default_factory=ProcessMemory)


class Device(msgspec.Struct):
    """What a bench ran on."""

    kind: str = ""
    name: str = ""
    cores: int | None = None
    gpu: dict[str, Any] | None = None

    @property
    def title(self) -> str:
        """Name what computed: the GPU where there was one."""
        return str((self.gpu or {}).get("name") or self.name or self.kind)


class BenchProtocol(msgspec.Struct):
    """How a bench measured: its grid and settings."""

    grid: list[list[int]] = msgspec.field(default_factory=list)
    batch_size: int | None = None
    repeats: int | None = None
    warmup: int | None = None
    threads: int | None = None
    order: str = ""
    host_memory: str = ""
    host_peak: str = ""


class Bench(Result):
    """Engines measured over a grid of lengths."""

    engines: list[BenchedEngine]
    protocol: BenchProtocol = msgspec.field(default_factory=BenchProtocol)
    device: Device = msgspec.field(default_factory=Device)
    apart: bool = False
    """Whether its engines were measured in runs of their own."""

    @property
    def baseline(self) -> BenchedEngine:
        """Return the engine that others are compared with: the first without any speed-up."""
        engines = [engine for engine in self.engines if engine.cells]
        plain = (e for e in engines if all(cell.speedup is None for cell in e.cells))
        return next(plain, engines[0])


class BuiltEngine(Result):
    """An engine: its card, or what building it printed."""

    backend: str
    precision: str = ""
    digest: str | None = None
    checkpoint: str | None = None
    disk_bytes: int | None = None
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    release: str | None = None
    commit: str | None = None
    dry_run: bool = False
    text: list[str] = msgspec.field(default_factory=list)
    """The release's commands, from a dry run."""


class CardFit(msgspec.Struct):
    """A GPU, and whether an engine fits its memory."""

    name: str
    usable_bytes: int
    fits: bool
    free_bytes: int


class MemoryPrediction(Result):
    """Memory of an engine, predicted from its configuration; bytes."""

    weights_bytes: int
    kv_bytes: int
    workspace_bytes: int
    total_bytes: int
    model: str = ""
    backend: str = ""
    precision: str = ""
    tp: int = 1
    pp: int = 1
    max_batch_size: int | None = None
    max_input_len: int | None = None
    max_output_len: int | None = None
    cards: list[CardFit] = msgspec.field(default_factory=list)
    formula: dict[str, str] = msgspec.field(default_factory=dict)


class LayerVerdict(msgspec.Struct):
    """How a release decodes one layer."""

    name: str
    verdict: str
    why: str | None = None
    share_wrong: float | None = None


class LoaderCheck(Result):
    """How a release's weight loader decodes a checkpoint."""

    layers: list[LayerVerdict] | str
    """Or why they were not checked."""
    release: str = ""
    checkpoint: str | None = None
    verdict: str = ""
    fixes: list[str] = msgspec.field(default_factory=list)
    memory: MemoryPrediction | None = None
