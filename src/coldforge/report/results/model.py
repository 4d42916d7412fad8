"""Results about checkpoints: how they were made, and what that cost."""

from typing import Any

import msgspec

from coldforge.report.results.result import Interval, Result


class Protocol(msgspec.Struct):
    """How a model was judged on text."""

    windows: int | None = None
    window: int | None = None
    tokens: int | None = None
    corpus: str = ""
    interval: str = ""
    dtype: str = ""


class Against(msgspec.Struct):
    """A model beside its original."""

    kl: float
    top1_agreement: float
    perplexity: float
    perplexity_ratio: float
    model: str = ""
    kl_interval: Interval = None
    top1_agreement_interval: Interval = None
    perplexity_ratio_interval: Interval = None


class Evaluated(Result):
    """A model judged on text."""

    digest: str
    perplexity: float
    model: str = ""
    perplexity_interval: Interval = None
    bits_per_weight: float | None = None
    disk_bytes: int | None = None
    linear_bytes: int | None = None
    protocol: Protocol = msgspec.field(default_factory=Protocol)
    reference: Against | None = None


class Solved(Result):
    """The share of problems that a model's programs solve."""

    share: float = msgspec.field(name="pass@1")
    interval: Interval = msgspec.field(name="pass@1_interval", default=None)
    digest: str = ""
    model: str = ""
    problems: int | None = None


class Paired(msgspec.Struct):
    """The same problems before and after."""

    gained: int
    lost: int
    p: float


class Programs(Solved):
    """HumanEval, alone or beside the original's."""

    reference: Solved | None = None
    paired: Paired | None = None


class Minded(msgspec.Struct):
    """What each width does to a model, for one layer of it."""

    layer: str
    bits: int
    size: int = msgspec.field(name="bytes")
    kl: dict[str, float] = msgspec.field(default_factory=dict)


class Sensitivity(msgspec.Struct):
    """Why each layer got its bits."""

    layers: list[Minded]
    measured_kl: float | None = None
    predicted_kl: float | None = None


class Drawn(msgspec.Struct):
    """What calibrated."""

    digest: str = ""
    corpus: str = ""
    way: str = "drawn"
    samples: int | None = None
    length: int | None = None
    tokenizer: str | None = None


class Quantised(Result):
    """A checkpoint and what it was made of: its card, or what quantising printed."""

    digest: str
    method: str
    model_digest: str
    parameters: dict[str, Any] = msgspec.field(default_factory=dict)
    calibration: Drawn | None = None
    seed: int = 0
    disk_bytes: int | None = None
    linear_bytes: int | None = None
    linear_fp16_bytes: int | None = None
    peak_rss_bytes: int | None = None
    sensitivity: Sensitivity | None = None


class Spread(msgspec.Struct):
    """A repeated timing, seconds."""

    median: float


class Side(msgspec.Struct):
    """One side of a comparison."""

    digest: str
    disk_bytes: int
    load_seconds: Spread
    token_seconds: Spread
    first_token_seconds: Spread
    model: str = ""
    peak_rss_bytes: int | None = None
    bits_per_weight: float | None = None


class Continued(msgspec.Struct):
    """How both sides were compared."""

    new_tokens: int | None = None


class Compared(Result):
    """An original and its quantised version, measured in turn."""

    original: Side
    quantised: Side
    equal_tokens: int | None = None
    protocol: Continued = msgspec.field(default_factory=Continued)
