"""An answer: the tokens that follow a prompt, up to the end of the text or a limit."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from coldforge.engine.backend import Runner
from coldforge.errors import ColdforgeError

STOP, LENGTH = "stop", "length"


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
