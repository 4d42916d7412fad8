"""A sweep's result for people."""

from typing import Any

from coldforge.experiments.survey.report import lay
from coldforge.experiments.sweep.run_job import Outcome
from coldforge.progress import amount

HEAD = (
    "cell", "on disk", "bits", "perplexity", "KL to the original", "first token",
    "tokens/s",
)  # fmt: skip


def table(result: dict[str, Any]) -> str:
    """Lay the cells out, a line each; of several lengths measured, the first."""
    return "\n".join(lay([HEAD, *map(_row, result["cells"])]))


def brief(outcome: Outcome) -> str:
    """Say in one line what became of a job."""
    wrong = [cell["error"]["message"] for cell in outcome.cells if cell["error"]]
    judged = outcome.cells[0]["evaluate"]
    said = [f"KL {judged['reference']['kl']:.6f}"] if judged else []
    said += [f"failed: {message}" for message in dict.fromkeys(wrong)]
    if not outcome.done and not wrong:
        said.append("as before")
    return ", ".join(said)


def failures(result: dict[str, Any]) -> list[str]:
    """Name the cells that went wrong."""
    return [_title(cell) for cell in result["cells"] if cell["error"]]


def _row(cell: dict[str, Any]) -> tuple[str, ...]:
    if wrong := cell["error"]:
        return _title(cell), f"failed at {wrong['step']}: {wrong['message']}"
    judged = cell["evaluate"]
    first = cell["bench"]["engines"][0]["cells"][0] if cell["bench"] else None
    held = cell["engine"] or judged
    return (
        _title(cell),
        amount(held["disk_bytes"]),
        f"{judged['bits_per_weight']:.3f}",
        f"{judged['perplexity']:,.3f}",
        f"{judged['reference']['kl']:.6f}",
        f"{first['ttft_ms']['p50']:.1f} ms" if first else "",
        f"{first['output_tokens_per_s']:.1f}" if first else "",
    )


def _title(cell: dict[str, Any]) -> str:
    return f"{cell['name']} {cell['backend']}" if cell["backend"] else str(cell["name"])
