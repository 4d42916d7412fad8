"""Results about checkpoints, one or many: how they were quantised, their accuracy and speed."""

from typing import Any

import msgspec

Interval = tuple[float, float] | None


class Result(msgspec.Struct, kw_only=True):
    """The fields that every result may have."""

    image: str | None = None
    versions: dict[str, Any] = msgspec.field(default_factory=dict)
    seconds: float | None = None


class EvaluationProtocol(msgspec.Struct):
    """How a model was evaluated on text."""

    windows: int | None = None
    window: int | None = None
    tokens: int | None = None
    corpus: str = ""
    interval: str = ""
    dtype: str = ""


class Reference(msgspec.Struct):
    """A model compared with its original."""

    kl: float
    top1_agreement: float
    perplexity: float
    perplexity_ratio: float
    model: str = ""
    kl_interval: Interval = None
    top1_agreement_interval: Interval = None
    perplexity_ratio_interval: Interval = None


class Evaluated(Result):
    """A model evaluated on text."""

    digest: str
    perplexity: float
    model: str = ""
    perplexity_interval: Interval = None
    bits_per_weight: float | None = None
    disk_bytes: int | None = None
    linear_bytes: int | None = None
    protocol: EvaluationProtocol = msgspec.field(default_factory=EvaluationProtocol)
    reference: Reference | None = None


class PassRate(Result):
    """The share of HumanEval problems that a model solves."""

    share: float = msgspec.field(name="pass@1")
    interval: Interval = msgspec.field(name="pass@1_interval", default=None)
    digest: str = ""
    model: str = ""
    problems: int | None = None


class PairedTest(msgspec.Struct):
    """The same problems before and after; `p` is of McNemar's exact test."""

    gained: int
    lost: int
    p: float


class HumanEval(PassRate):
    """HumanEval results of a model, and of its original if that was run too."""

    reference: PassRate | None = None
    paired: PairedTest | None = None


class LayerSensitivity(msgspec.Struct):
    """Damage of quantising one layer alone, by bits; `kl` in nats a token."""

    layer: str
    bits: int
    size: int = msgspec.field(name="bytes")
    kl: dict[str, float] = msgspec.field(default_factory=dict)


class Sensitivity(msgspec.Struct):
    """Sensitivity of every layer, and the bits it got."""

    layers: list[LayerSensitivity]
    measured_kl: float | None = None
    predicted_kl: float | None = None


class CalibrationFacts(msgspec.Struct):
    """The calibration set."""

    digest: str = ""
    corpus: str = ""
    way: str = "drawn"
    samples: int | None = None
    length: int | None = None
    tokenizer: str | None = None


class Quantised(Result):
    """A quantised checkpoint: its card, or what quantize printed."""

    digest: str
    method: str
    model_digest: str
    parameters: dict[str, Any] = msgspec.field(default_factory=dict)
    calibration: CalibrationFacts | None = None
    seed: int = 0
    disk_bytes: int | None = None
    linear_bytes: int | None = None
    linear_fp16_bytes: int | None = None
    peak_rss_bytes: int | None = None
    sensitivity: Sensitivity | None = None


class Spread(msgspec.Struct):
    """A repeated timing, in seconds."""

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


class CompareProtocol(msgspec.Struct):
    """How both sides were compared."""

    new_tokens: int | None = None


class Compared(Result):
    """An original and its quantised version, measured alternately."""

    original: Side
    quantised: Side
    equal_tokens: int | None = None
    protocol: CompareProtocol = msgspec.field(default_factory=CompareProtocol)


class SurveyEstimate(msgspec.Struct):
    """A value and its bounds."""

    value: float | None
    low: float | None = None
    high: float | None = None


class Way(msgspec.Struct):
    """One way of quantising a model, in a survey."""

    way: str
    status: str = "made"
    why: str = ""
    digest: str | None = None
    bits_per_weight: float | None = None
    disk_bytes: int | None = None
    seconds: float | None = None
    peak_rss_bytes: int | None = None
    perplexity: SurveyEstimate | None = None
    kl: SurveyEstimate | None = None
    top1_agreement: SurveyEstimate | None = None


class SurveyedModel(msgspec.Struct):
    """One model of a survey."""

    name: str
    ways: list[Way]


class Survey(Result):
    """Models, each quantised in many ways."""

    models: list[SurveyedModel]


class SweepCell(msgspec.Struct):
    """One cell of a sweep; steps that failed are None."""

    model: str
    method: str = ""
    backend: str | None = None
    quantize: dict[str, Any] | None = None
    evaluate: dict[str, Any] | None = None
    bench: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


class Sweep(Result):
    """Models, methods and backends in every combination."""

    cells: list[SweepCell]
