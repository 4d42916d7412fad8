"""Shared by the model tasks: on the host, they run themselves in the image."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coldforge.tasks._docker import YES

HELP = {"json": "Print the result for programs.", "yes": YES}
MODEL = "Model directory: config.json, safetensors, tokenizer."


def outside() -> bool:
    """Tell whether this runs on the host, so that the image must be started."""
    from coldforge.tasks._command import inside

    return not inside()


def hand_over(
    name: str, spelled: list[str], reads: list[Path], out: Path | None, yes: bool
) -> None:
    """Run the task in the image, which sees `reads` and may write beside `out`."""
    from coldforge.tasks._in_image import Inside, run

    run(Inside(name, spelled, reads, [out.parent] if out else [], yes=yes))


@contextmanager
def making(out: str, kind: str) -> Iterator[Path]:
    """Yield a folder for the image to write; move the result to `out`."""
    from coldforge.files.output import staged

    with staged(Path(out), kind) as place:
        yield place


def flags(**options: object) -> list[str]:
    """Spell options as Invoke reads them."""
    from coldforge.tasks._in_image import flags_of

    return flags_of(**options)


def full(path: str) -> str:
    """Return an absolute path; an empty one stays empty."""
    return str(Path(path).resolve()) if path else ""


def given(*paths: str) -> list[Path]:
    """List the paths that were given, absolute."""
    return [Path(path).resolve() for path in paths if path]
