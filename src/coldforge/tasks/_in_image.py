"""Run a task in an image: the same task with the same flags, on the user's folders.

On the host, the model tasks run themselves so.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from coldforge.errors import ColdforgeError
from coldforge.tasks._command import YES, docker_engine, inside
from coldforge.tasks.image import build_and_load

HELP = {"json": "Print the result for programs.", "yes": YES}
MODEL = "Model directory: config.json, safetensors, tokenizer."


PYCACHE = Path("cache/pycache")
"""Below build/, one for each image: images hold no byte code, and compiling torch takes seconds."""
CLUSTER = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN")
"""Variables that authenticate to a Ray cluster, given to tasks that join one."""


@dataclass(frozen=True)
class Inside:
    """A task to run in a stack's image, and the files and folders that it reads and writes."""

    task: str
    flags: list[str]
    reads: list[Path] = field(default_factory=list)
    writes: list[Path] = field(default_factory=list)
    stack: str = "cpu"
    yes: bool = False
    cluster: bool = False
    """Whether it uses the host's network, to join the user's Ray cluster."""


def run(work: Inside) -> None:
    """Run it with our output; exit with its status unless that is 0."""
    status = _run(work, sys.stdout.buffer.write)
    sys.stdout.flush()
    if status:
        raise SystemExit(status)


def ask(work: Inside) -> dict[str, Any]:
    """Run it with --json and return what it printed; raise ColdforgeError if it fails."""
    printed: list[bytes] = []
    status = _run(replace(work, flags=[*work.flags, "--json"]), printed.append)
    if status:
        raise ColdforgeError(f"{work.task} failed in the image", "see its error above")
    answer: dict[str, Any] = json.loads(b"".join(printed))
    return answer


def flags(**options: object) -> list[str]:
    """Write options as Invoke reads them, `out=…` as --out=…; None and False are left out."""
    spelled: list[str] = []
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            spelled.append(flag)
        elif value is not None and value is not False and value != "":
            spelled.append(f"{flag}={value}")
    return spelled


def outside() -> bool:
    """Tell whether this runs on the host, so that the image must be started."""
    return not inside()


def hand_over(
    name: str, spelled: list[str], reads: list[Path], out: Path | None, yes: bool
) -> None:
    """Run the task in the image, which sees `reads` and may write beside `out`."""
    run(Inside(name, spelled, reads, [out.parent] if out else [], yes=yes))


@contextmanager
def making(out: str, kind: str) -> Iterator[Path]:
    """Yield a folder for the image to write; move the result to `out`."""
    from coldforge.files.output import staged

    with staged(Path(out), kind) as place:
        yield place


def full(path: str) -> str:
    """Return an absolute path; an empty one stays empty."""
    return str(Path(path).resolve()) if path else ""


def given(*paths: str) -> list[Path]:
    """List the paths that were given, absolute."""
    return [Path(path).resolve() for path in paths if path]


def _run(work: Inside, out: Callable[[bytes], object]) -> int:
    from coldforge.image.containers.docker_engine import image_name
    from coldforge.image.containers.launch import Launch, launch
    from coldforge.paths import Workspace

    for path in work.reads:
        if not path.exists():
            raise ColdforgeError(f"{path} does not exist", "check the path")
    built = build_and_load(work.stack, work.yes)
    compiled = Workspace.find().build / PYCACHE / built.manifest.digest.removeprefix("sha256:")[:16]
    for folder in (compiled, *work.writes):
        if not folder.is_file():
            folder.mkdir(parents=True, exist_ok=True)
    env = {"PYTHONPYCACHEPREFIX": str(compiled), "COLDFORGE_IMAGE": built.manifest.digest}
    if work.cluster:
        env |= {name: value for name, value in os.environ.items() if name in CLUSTER}
    # Invoke writes no byte code unless told to.
    command = ["invoke", "--write-pyc", work.task, *work.flags]
    writes = [*work.writes, compiled]
    run_in = Launch(image_name(work.stack), command, work.reads, writes, env, work.cluster)
    with docker_engine(work.yes) as connect:
        return launch(connect(), run_in, out, _to_stderr)


def _to_stderr(text: bytes) -> None:
    sys.stderr.buffer.write(text)
    sys.stderr.flush()
