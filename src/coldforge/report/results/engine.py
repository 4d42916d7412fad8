"""Results about engines: built, checked, measured."""

from typing import Any

import msgspec

from coldforge.report.results.result import Result


class Percentiles(msgspec.Struct):
    """A latency over the repeats, ms."""

    mean: float | None = None
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None


class Cell(msgspec.Struct):
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


class Held(msgspec.Struct):
    """Memory of the process that runs an engine."""

    host_loaded_bytes: int | None = None
    host_peak_bytes: int | None = None
    device_loaded_bytes: int | None = None
    device_peak_bytes: int | None = None


class Measured(msgspec.Struct):
    """One engine of a bench."""

    name: str
    cells: list[Cell]
    backend: str = ""
    precision: str = ""
    digest: str | None = None
    checkpoint: str | None = None
    disk_bytes: int | None = None
    load_seconds: float | None = None
    memory: Held = msgspec.field(default_factory=Held)


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


class Measuring(msgspec.Struct):
    """How a bench measured."""

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

    engines: list[Measured]
    protocol: Measuring = msgspec.field(default_factory=Measuring)
    device: Device = msgspec.field(default_factory=Device)
    apart: bool = False
    """Whether its engines were measured in runs of their own."""


class Built(Result):
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
    """Of a dry run: the release's commands."""


class Card(msgspec.Struct):
    """A card with memory that an engine may fit."""

    name: str
    usable_bytes: int
    fits: bool
    free_bytes: int


class Predicted(Result):
    """Memory that an engine will take, from its configuration alone."""

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
    cards: list[Card] = msgspec.field(default_factory=list)
    formula: dict[str, str] = msgspec.field(default_factory=dict)


class Decoded(msgspec.Struct):
    """What a release makes of one layer."""

    name: str
    verdict: str
    why: str | None = None
    share_wrong: float | None = None


class Checked(Result):
    """What a release's loader makes of a checkpoint."""

    layers: list[Decoded] | str
    """Or why there are none."""
    release: str = ""
    checkpoint: str | None = None
    verdict: str = ""
    fixes: list[str] = msgspec.field(default_factory=list)
    memory: Predicted | None = None
