"""Generate with an engine: load it, read prompts, answer them up to the end or a limit."""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from coldforge.engine.backend import Runner, find_backend
from coldforge.engine.card import Engine
from coldforge.errors import ColdforgeError
from coldforge.files.digest import sha256_file

SMALL = 1 << 26
"""Bytes of a file that is hashed each time; of a larger one only the size is checked."""
STOP, LENGTH = "stop", "length"
STDIN = "-"


def load_runner(engine: Engine, threads: int = 0) -> Runner:
    """Load it; `threads` 0 takes every core.

    Raise ColdforgeError for a damaged engine, for a runtime that is missing, or a GPU.
    """
    refuse_damaged(engine)
    return open_runner(engine, threads)


def open_runner(engine: Engine, threads: int = 0) -> Runner:
    """Load an engine whose files were checked; raise ColdforgeError as `load_runner` does."""
    load_libraries(engine)
    return find_backend(engine.backend).open(engine, threads)


def load_libraries(engine: Engine) -> None:
    """Import what runs an engine; raise ColdforgeError if it is not installed."""
    find_backend(engine.backend).load_libraries(engine)


def refuse_damaged(engine: Engine) -> None:
    """Raise ColdforgeError if a file is not as it was built.

    Of large files only the size is checked: hashing weights takes longer than loading them.
    """
    again = "copy the engine again, or build it"
    size = 0
    for name, digest in engine.card["files"].items():
        path = engine.folder / name
        size += path.stat().st_size
        if path.stat().st_size <= SMALL and sha256_file(path) != digest:
            raise ColdforgeError(f"{path} is not as it was built", again)
    if size != engine.card["disk_bytes"]:
        expected = engine.card["disk_bytes"]
        raise ColdforgeError(f"{engine.folder} holds {size:,} bytes instead of {expected:,}", again)


@dataclass
class Answer:
    """What follows one prompt."""

    ids: list[int] = field(default_factory=list)
    finish: str = LENGTH
    """Why it ended: stop (the model said so) or length."""
    seconds: float = 0.0
    """From the beginning of its batch to its last token."""


def answer(runner: Runner, prompts: list[list[int]], most: int, end: int) -> list[Answer]:
    """Continue equally long prompts by at most `most` tokens; the end token is left out."""
    answers = [Answer() for _ in prompts]
    started = time.perf_counter()
    count = min(most, room(runner, len(prompts[0])))
    for chosen in runner.follow(prompts, count):
        seconds = time.perf_counter() - started
        for one, token in zip(answers, chosen, strict=True):
            if one.finish == STOP:
                continue
            one.seconds = seconds
            if token == end:
                one.finish = STOP
            else:
                one.ids.append(token)
        if all(one.finish == STOP for one in answers):
            break
    return answers


def stream_answer(runner: Runner, prompt: list[int], most: int, end: int) -> Iterator[int]:
    """Yield at most `most` tokens that follow a prompt; the end token stops it and is left out."""
    for (token,) in runner.follow([prompt], min(most, room(runner, len(prompt)))):
        if token == end:
            return
        yield token


def room(runner: Runner, length: int, name: str = "the prompt") -> int:
    """Count the tokens that may follow a prompt of `length`; raise ColdforgeError if none may."""
    if not length:
        raise ColdforgeError(f"{name} is empty", "write something to continue")
    if length >= runner.positions:
        raise ColdforgeError(
            f"{name} has {length} tokens, the engine takes {runner.positions}", "shorten it"
        )
    return runner.positions - length


def read_prompts(place: str) -> list[str]:
    """Read a file, or stdin for `-`; raise ColdforgeError if it is no text or holds no prompt."""
    name = "stdin" if place == STDIN else place
    try:
        data = sys.stdin.buffer.read() if place == STDIN else Path(place).read_bytes()
        found = parse(data.decode("utf-8"), name)
    except OSError as error:
        raise ColdforgeError(f"{name}: {error.strerror}", "name a file of prompts") from error
    except UnicodeDecodeError as error:
        raise ColdforgeError(f"{name} is not UTF-8: {error.reason}", "convert it") from error
    if not found:
        raise ColdforgeError(f"{name} is empty", "write a prompt a line")
    return found


def parse(text: str, name: str) -> list[str]:
    """Split a text into prompts; blank lines are none.

    If the first is a JSON object, every one must be, with a string under "prompt"; raise
    ColdforgeError naming the line that is not.
    """
    lines = [(at, line) for at, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines or _prompt(lines[0][1]) is None:
        return [line.removesuffix("\r") for _, line in lines]
    found = []
    for at, line in lines:
        prompt = _prompt(line)
        if not prompt:
            raise ColdforgeError(
                f'{name}: line {at} is not a JSON object with a "prompt"',
                'write {"prompt": "…"} on every line, or plain text on every line',
            )
        found.append(prompt)
    return found


def _prompt(line: str) -> str | None:
    """Return what a line asks; nothing where it is an object without it, None where it is none."""
    try:
        item = json.loads(line)
    except ValueError:
        return None
    if not isinstance(item, dict):
        return None
    prompt = item.get("prompt")
    return prompt if isinstance(prompt, str) else ""
