"""Prompts from a file: a JSON object a line with "prompt", or plain lines."""

import json
import sys
from pathlib import Path

from coldforge.errors import ColdforgeError

STDIN = "-"


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
