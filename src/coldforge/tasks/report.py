"""report: the results of a folder on one page."""

from functools import partial
from pathlib import Path

from invoke.context import Context

from coldforge.tasks._command import emit, everywhere, task


@partial(
    task,
    help={
        "runs": "Folder of results: what tasks print with --json, and coldforge.json files.",
        "out": "Folder for report.html, report.md and report.json.",
        "json": "Print the result for programs.",
    },
)
def report(context: Context, runs: str, out: str, json: bool = False) -> None:
    """Show results on one page: bytes, speed, memory, accuracy, every digest.

    Reads every *.json below --runs and lists those it cannot use. The page needs no network.

    Example: invoke report --runs runs --out report
    """
    from coldforge.report.report import make_report

    made = make_report(Path(runs), Path(out).absolute())
    used, left = (len(made.json[name]) for name in ("sources", "left_out"))
    lines = [
        made.json["title"],
        made.json["line"],
        f"{used} results, {left} other files",
        made.page,
    ]
    emit({**made.json, "page": made.page}, json, "\n".join(lines))


TASKS = everywhere(report)
