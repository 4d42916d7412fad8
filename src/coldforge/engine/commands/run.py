"""Answer prompts with an engine: a file of them, a line each, or one; a killed run goes on."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from coldforge.engine.backend import Runner
from coldforge.engine.card import Engine, read_engine
from coldforge.engine.generate import Answer, answer, load_runner, read_prompts, room, stream_answer
from coldforge.errors import ColdforgeError
from coldforge.files.jsonlines import appending, read_lines
from coldforge.model.card_facts import circumstances
from coldforge.model.generate import printed
from coldforge.model.runtime import prepare
from coldforge.model.tokens import ModelTokens
from coldforge.progress import Step, step

STDOUT = "-"
AHEAD = 16
"""Batches' worth of prompts looked at to fill one; answers wait for those before them."""

Line = dict[str, Any]
T = TypeVar("T")


def run_run(
    engine: str,
    prompts: str,
    out: str,
    max_new_tokens: int = 64,
    batch_size: int = 1,
    threads: int = 0,
) -> Line:
    """Write an answer for each of `prompts` to the file `out` (- for stdout), in their order.

    The likeliest token each time. What an unfinished `out` holds is kept, if the same engine wrote
    it for the same prompts. Raise ColdforgeError, before anything is computed, for a prompt that
    fills the context.
    """
    started = time.monotonic()
    if max_new_tokens < 1 or batch_size < 1:
        raise ColdforgeError("nothing to do", "choose numbers of 1 or more")
    found, asked = read_engine(Path(engine)), read_prompts(prompts)
    settings = {"engine": found.card["digest"], "max_new_tokens": max_new_tokens}
    kept = 0 if out == STDOUT else _kept(Path(out), asked, settings)
    counts: Line = {"written": len(asked) - kept, "new_tokens": 0, "tokens_per_s": None}
    if kept < len(asked):
        rest = _Run(found, asked, kept, threads)
        with _writing(out) as write, step("Answering", len(asked) - kept, "prompts") as work:
            rest.write(max_new_tokens, batch_size, lambda line: write(line | settings), work)
        counts |= {"new_tokens": rest.tokens, "tokens_per_s": rest.tokens / rest.seconds}
    what = {**settings, "digest": found.card["digest"], "engine": engine, "out": out}
    return {**what, "kept": kept, **counts, **circumstances("engine.run", started)}


def run_generate(
    model: str, prompt: str, max_new_tokens: int = 64, stream: bool = False
) -> dict[str, Any]:
    """Continue `prompt` with an engine; with `stream`, write the text to stdout as it grows."""
    started = time.monotonic()
    if max_new_tokens < 1:
        raise ColdforgeError("nothing to do: no new tokens", "choose --max-new-tokens of 1 or more")
    found = read_engine(Path(model))
    prepare()
    from coldforge.model.generate import pieces

    runner, tokens = load_runner(found), ModelTokens(found.folder)
    chosen = stream_answer(runner, tokens.encode([prompt])[0], max_new_tokens, tokens.end)
    text = printed(prompt, pieces(tokens, chosen), stream)
    facts = {"engine": model, "prompt": prompt, "text": text}
    return {**facts, **circumstances("generate", started)}


class _Run:
    """Answers the prompts that have no answer yet."""

    def __init__(self, engine: Engine, prompts: list[str], start: int, threads: int) -> None:
        """Load the engine and count tokens; refuse what does not fit."""
        self.prompts, self.start = prompts, start
        self.tokens, self.seconds = 0, 0.0
        prepare()
        with step("Loading the engine"):
            self._runner: Runner = load_runner(engine, threads)
            self._words = ModelTokens(engine.folder)
        self._ids = self._words.encode(prompts)
        for at, ids in enumerate(self._ids, 1):
            room(self._runner, len(ids), f"prompt {at}")

    def write(self, most: int, size: int, write: Callable[[Line], None], work: Step) -> None:
        """Answer, at most `size` prompts at once; write lines in the prompts' order."""
        begun = time.perf_counter()
        for line in in_order(self._answers(most, size), self.start):
            write(line)
            self.tokens += line["tokens"]
            self.seconds = time.perf_counter() - begun
            work.note = f"{self.tokens / self.seconds:.1f} tokens/s"
            work.advance(1)

    def _answers(self, most: int, size: int) -> Iterator[tuple[int, Line]]:
        for places in batches([len(ids) for ids in self._ids], size, self.start):
            asked = [self._ids[place] for place in places]
            found = answer(self._runner, asked, most, self._words.end)
            for place, one in zip(places, found, strict=True):
                yield place, self._line(place, one)

    def _line(self, place: int, one: Answer) -> Line:
        return {
            "index": place,
            "prompt": self.prompts[place],
            "text": self._words.tokenizer.decode(one.ids),
            "prompt_tokens": len(self._ids[place]),
            "tokens": len(one.ids),
            "finish": one.finish,
            "seconds": round(one.seconds, 6),
        }


def _kept(path: Path, prompts: list[str], settings: Line) -> int:
    """Count the answers of an earlier run; raise ColdforgeError if they answer something else."""
    lines = read_lines(path)
    for at, line in enumerate(lines):
        prompt = prompts[at] if at < len(prompts) else None
        expected = {"index": at, "prompt": prompt, **settings}
        if {name: line.get(name) for name in expected} != expected:
            raise ColdforgeError(
                f"{path}: line {at + 1} answers another prompt, engine or length",
                "name another --out, or remove it",
            )
    return len(lines)


@contextmanager
def _writing(out: str) -> Iterator[Callable[[Line], None]]:
    """Yield a function that writes a line: to a file, synced to disk, or to stdout."""
    if out != STDOUT:
        with appending(Path(out)) as lines:
            yield lines.add
        return

    def write(line: Line) -> None:
        sys.stdout.write(json.dumps(line, sort_keys=True) + "\n")
        sys.stdout.flush()

    yield write


def batches(lengths: Sequence[int], size: int, start: int = 0) -> Iterator[list[int]]:
    """Yield the indices of up to `size` equally long prompts at a time, from `start` on.

    A padded prompt would need a mask, and rows of other lengths in a batch change the rounding;
    equally long prompts avoid both. Each window of prompts is finished before the
    next, so that few answers wait to be written in order.
    """
    window = size * (AHEAD if size > 1 else 1)
    for begin in range(start, len(lengths), window):
        alike: dict[int, list[int]] = {}
        for place in range(begin, min(begin + window, len(lengths))):
            alike.setdefault(lengths[place], []).append(place)
        for places in alike.values():
            for at in range(0, len(places), size):
                yield places[at : at + size]


def in_order(found: Iterator[tuple[int, T]], start: int = 0) -> Iterator[T]:
    """Yield items that come with an index in the order of their indices, from `start` on."""
    early: dict[int, T] = {}
    due = start
    for place, item in found:
        early[place] = item
        while due in early:
            yield early.pop(due)
            due += 1
