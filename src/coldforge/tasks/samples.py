"""samples: a model's completions of HumanEval's problems; in the image only."""

from functools import partial

from invoke.context import Context

from coldforge.tasks._command import emit, in_image, task
from coldforge.tasks._in_image import HELP, MODEL


@partial(
    task,
    help={
        "json": HELP["json"],
        "model": MODEL,
        "problems": "HumanEval.jsonl, gzipped or not.",
        "out": "Folder for the file of completions; what it holds already is kept.",
        "samples": "Completions of a problem; one is greedy, several are drawn.",
        "limit": "Problems at most; 0 for all.",
    },
)
def samples(  # noqa: PLR0913, PLR0917 - a flag each
    context: Context,
    model: str,
    problems: str,
    out: str,
    samples: int = 1,
    limit: int = 0,
    json: bool = False,
) -> None:
    """Write a model's completions of HumanEval's problems, to be run elsewhere.

    Example: invoke samples --model models/demo --problems HumanEval.jsonl.gz --out completions
    """
    from coldforge.evaluate.completions import run_samples

    found = run_samples(model, problems, out, samples, limit)
    emit(found, json, f"{found['path']}: {found['written']} written, {found['kept']} kept")


TASKS = in_image(samples)
