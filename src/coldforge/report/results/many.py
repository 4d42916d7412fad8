"""Results about many models at once."""

from typing import Any

import msgspec

from coldforge.report.results.result import Result


class Estimate(msgspec.Struct):
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
    perplexity: Estimate | None = None
    kl: Estimate | None = None
    top1_agreement: Estimate | None = None


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
