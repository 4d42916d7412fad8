"""A sweep's result as a table."""

from typing import Any

from coldforge.experiments.survey.report import lay
from coldforge.experiments.sweep.run_job import Outcome
from coldforge.progress import amount

HEAD = (
    "cell", "on disk", "bits", "perplexity", "KL to the original", "first token",
    "tokens/s",
)  # fmt: skip


def table(result: dict[str, Any]) -> str:
    """Return a line for each cell; of several lengths measured, the first."""
    return "\n".join(lay([HEAD, *map(_row, result["cells"])]))


def brief(outcome: Outcome) -> str:
    """Summarise a job in a line."""
    errors = [cell["error"]["message"] for cell in outcome.cells if cell["error"]]
    evaluated = outcome.cells[0]["evaluate"]
    parts = [f"KL {evaluated['reference']['kl']:.6f}"] if evaluated else []
    parts += [f"failed: {message}" for message in dict.fromkeys(errors)]
    if not outcome.done and not errors:
        parts.append("as before")
    return ", ".join(parts)


def failures(result: dict[str, Any]) -> list[str]:
    """Name the cells that failed."""
    return [_title(cell) for cell in result["cells"] if cell["error"]]


def _row(cell: dict[str, Any]) -> tuple[str, ...]:
    if error := cell["error"]:
        return _title(cell), f"failed at {error['step']}: {error['message']}"
    evaluated = cell["evaluate"]
    first = cell["bench"]["engines"][0]["cells"][0] if cell["bench"] else None
    stored = cell["engine"] or evaluated
    return (
        _title(cell),
        amount(stored["disk_bytes"]),
        f"{evaluated['bits_per_weight']:.3f}",
        f"{evaluated['perplexity']:,.3f}",
        f"{evaluated['reference']['kl']:.6f}",
        f"{first['ttft_ms']['p50']:.1f} ms" if first else "",
        f"{first['output_tokens_per_s']:.1f}" if first else "",
    )


def _title(cell: dict[str, Any]) -> str:
    return f"{cell['name']} {cell['backend']}" if cell["backend"] else str(cell["name"])
