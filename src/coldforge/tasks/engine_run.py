"""engine.run: a file of prompts, answered by an engine."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from invoke.context import Context

from coldforge.errors import ColdforgeError
from coldforge.tasks._command import emit, task
from coldforge.tasks._in_image import HELP, flags, full, outside

STREAM = "-"


@partial(
    task,
    help={
        **HELP,
        "engine": "Engine directory; see engine.build.",
        "prompts": 'File of prompts, or - for stdin: {"prompt": "…"} a line, or plain lines.',
        "out": "File for the answers, or - for stdout: a JSON object a line, in the same order.",
        "max_new_tokens": "Tokens of an answer at most.",
        "batch_size": "Prompts at once, where they are equally long.",
        "threads": "Threads to compute with; 0 takes every core.",
    },
)
def run(  # noqa: PLR0913, PLR0917 - a flag each
    context: Context,
    engine: str,
    prompts: str,
    out: str,
    max_new_tokens: int = 64,
    batch_size: int = 1,
    threads: int = 0,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Answer a file of prompts, the likeliest token each time.

    Killed, the same command goes on after the last answer.

    Example: invoke engine.run --engine engines/demo --prompts prompts.jsonl --out answers.jsonl
    """
    if json and out == STREAM:
        raise ColdforgeError("--out - writes answers to stdout, and so would --json", "leave one")
    options = {"max_new_tokens": max_new_tokens, "batch_size": batch_size, "threads": threads}
    if outside():
        _outside(engine, prompts, out, options | {"json": json}, yes)
        return
    from coldforge.engine.commands.run import run_run

    found = run_run(engine, prompts, out, **options)
    if out != STREAM:
        emit(found, json, table(found))


def table(found: dict[str, Any]) -> str:
    """Say what was written."""
    pace = f", {found['tokens_per_s']:.1f} tokens/s" if found["tokens_per_s"] else ""
    return f"{found['out']}: {found['written']} written, {found['kept']} kept{pace}"


def _outside(engine: str, prompts: str, out: str, options: dict[str, Any], yes: bool) -> None:
    """Run in the image, which writes to the file itself: answers stay if it is killed."""
    from coldforge.engine.card import read_engine
    from coldforge.tasks._in_image import Inside
    from coldforge.tasks._in_image import run as start

    read_engine(Path(engine))
    with _shown(prompts) as asked, _there(out) as writes:
        target = full(out) if writes else STREAM
        places = {"engine": full(engine), "prompts": str(asked), "out": target}
        reads = [Path(full(engine)), asked]
        start(Inside("engine.run", flags(**places, **options), reads, writes, yes=yes))


@contextmanager
def _shown(prompts: str) -> Iterator[Path]:
    """Yield a file that the image can be shown: what stdin holds is written to one first."""
    if prompts != STREAM:
        yield Path(full(prompts))
        return
    from tempfile import NamedTemporaryFile

    from coldforge.paths import Workspace

    build = Workspace.find().build
    build.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=build, prefix="prompts-") as file:
        file.write(sys.stdin.buffer.read())
        file.flush()
        yield Path(file.name)


@contextmanager
def _there(out: str) -> Iterator[list[Path]]:
    """Yield the file that the image writes to, made if need be; drop it if it stays empty."""
    if out == STREAM:
        yield []
        return
    path = Path(full(out))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    try:
        yield [path]
    finally:
        if not path.stat().st_size:
            path.unlink()
