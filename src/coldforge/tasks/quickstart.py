"""quickstart: from a bare machine to an image, a quantised model and what it cost, in one go."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.context import Context

from coldforge.tasks._engine import YES
from coldforge.tasks._task import emit, task

if TYPE_CHECKING:
    from coldforge.image.builder import Built

BITS, GROUP_SIZE = 4, 128
Result = dict[str, Any]


@partial(task, help={"yes": YES, "json": "Print the result for programs."})
def quickstart(context: Context, yes: bool = False, json: bool = False) -> None:
    """Do everything once: mirror, image, demo model, int4, and what it cost. Five to ten minutes.

    Example: invoke quickstart
    """
    from coldforge.paths import Workspace
    from coldforge.progress import say

    space, seconds = Workspace.find(), Seconds()
    say("1/6 This machine")
    seconds("doctor", lambda: _examine(space.root))
    say("2/6 Mirror: the bytes the image is made of (450 MB; minutes on a slow line)")
    seconds("mirror.fetch", _fetch)
    say("3/6 Image: built from the mirror, without network (one to three minutes)")
    built = seconds("image.build", lambda: _image(yes))
    inside = Remembered(space.build / "quickstart", built, yes)
    say("4/6 Demo model: a small Llama trained in the image (two to four minutes)")
    demo = seconds("model.demo", lambda: inside.make("model.demo", "model"))
    say("5/6 Quantise: GPTQ, int4, groups of 128 (about a minute)")
    flags = ["--model={model}", f"--bits={BITS}", f"--group-size={GROUP_SIZE}"]
    int4 = seconds("quantize", lambda: inside.make("quantize", "int4", flags))
    say("6/6 Evaluate: perplexity before and after (about a minute)")
    before = seconds("evaluate original", lambda: inside.judge("model"))
    after = seconds("evaluate int4", lambda: inside.judge("int4", ["--reference={model}"]))
    result = _result(built, demo, int4, before, after) | {"seconds": seconds.spent}
    emit(result, json, table(result))


class Seconds:
    """How long each step took, in order."""

    def __init__(self) -> None:
        """Start with none."""
        self.spent: dict[str, float] = {}

    def __call__(self, name: str, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - work's own
        """Do `work` and note its seconds."""
        started = time.monotonic()
        done = work()
        self.spent[name] = round(time.monotonic() - started, 1)
        return done


class Remembered:
    """Tasks run in the image, their results kept: the same image and flags give them again."""

    def __init__(self, home: Path, built: "Built", yes: bool) -> None:
        """Keep results and models in `home`."""
        from coldforge.image.cache import Cache

        self.home, self.yes = home, yes
        self.layers = " ".join(layer.digest for layer in built.layers.values())
        self.cache = Cache(home / "cache")

    def make(self, name: str, out: str, flags: list[str] | None = None) -> Result:
        """Run a task that makes folder `out` of `home`, unless that was made before."""
        return self._ask(name, [*(flags or []), f"--out={self.home / out}"], self.home / out)

    def judge(self, model: str, flags: list[str] | None = None) -> Result:
        """Evaluate a model of `home`."""
        return self._ask("evaluate", [f"--model={self.home / model}", *(flags or [])])

    def _ask(self, name: str, flags: list[str], needs: Path | None = None) -> Result:
        from coldforge.tasks._inside import Inside, ask

        flags = [flag.format(model=self.home / "model") for flag in flags]
        description = {"task": name, "flags": " ".join(flags), "layers": self.layers}
        description |= self._inputs(flags)
        known = self.cache.get(description)
        if known is not None and (needs is None or needs.is_dir()):
            remembered: Result = known["answer"]
            return remembered
        self.home.mkdir(parents=True, exist_ok=True)
        answer = ask(Inside(name, flags, writes=[self.home], yes=self.yes))
        self.cache.put(name, description, {"answer": answer})
        return answer

    def _inputs(self, flags: list[str]) -> dict[str, str]:
        """Name the models a task reads by what they are: their cards hold their digests."""
        from coldforge.digest import sha256_file

        folders = [Path(flag.partition("=")[2]) for flag in flags if not flag.startswith("--out")]
        cards = [folder / "coldforge.json" for folder in folders]
        return {f"input {card.parent.name}": sha256_file(card) for card in cards if card.exists()}


def table(result: Result) -> str:
    """Lay the result out for people."""
    from coldforge.progress import amount

    before, after = result["original"], result["int4"]
    rows = [
        ("", "original", "int4"),
        ("bytes on disk", amount(before["disk_bytes"]), amount(after["disk_bytes"])),
        ("linear weights", amount(before["linear_bytes"]), amount(after["linear_bytes"])),
        ("share of fp16 linear bytes", "1.000", f"{result['linear_share']:.3f}"),
        ("perplexity, held-out files", f"{before['perplexity']:.3f}", f"{after['perplexity']:.3f}"),
    ]
    lines = [f"{name:<28}{one:>14}{two:>14}" for name, one, two in rows]
    lines += [
        f"{'perplexity, untrained':<28}{result['perplexity_untrained']:>14.1f}",
        f"{'perplexity loss':<28}{'':>14}{result['perplexity_loss']:>13.2%}",
        f"{'KL to the original':<28}{'':>14}{result['kl']:>14.5f}",
        "",
        *(f"{name:<28}{spent:>12.1f} s" for name, spent in result["seconds"].items()),
        "",
        f"image   {result['image']['digest']}",
        f"models  {result['folder']}",
    ]
    return "\n".join(lines)


def _examine(root: Path) -> None:
    from coldforge.errors import ColdforgeError
    from coldforge.host.check import healthy
    from coldforge.host.check import table as checks_table
    from coldforge.host.doctor import examine
    from coldforge.paths import Workspace
    from coldforge.progress import say

    checks = examine(Workspace(root), "cpu")
    say(checks_table(checks))
    if not healthy(checks):
        raise ColdforgeError("this machine lacks something", "see the remedies above")


def _fetch() -> None:
    from coldforge.tasks.mirror import fetch_stack

    fetch_stack("cpu")


def _image(yes: bool) -> "Built":
    from coldforge.tasks.image import build_and_load

    return build_and_load("cpu", yes)


def _result(built: "Built", demo: Result, int4: Result, before: Result, after: Result) -> Result:
    """Gather what the table shows from what the tasks printed."""
    sides = {
        name: {key: found[key] for key in ("disk_bytes", "linear_bytes", "perplexity", "digest")}
        for name, found in (("original", before), ("int4", after))
    }
    return {
        **sides,
        "linear_share": int4["linear_bytes"] / int4["linear_fp16_bytes"],
        "perplexity_untrained": demo["perplexity_untrained"],
        "perplexity_loss": after["perplexity"] / before["perplexity"] - 1,
        "kl": after["reference"]["kl"],
        "protocol": after["protocol"],
        "image": built.json(),
        "folder": str(Path("build") / "quickstart"),
    }
