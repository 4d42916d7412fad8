"""quickstart: from an empty machine to an image, a quantised model, its engine and a report."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context

from coldforge.tasks._command import YES, emit, on_host, task
from coldforge.tasks._memo import CachedTasks, Result, Seconds

if TYPE_CHECKING:
    from coldforge.image.build.builder import BuiltImage

QUANTISE = ["--bits=4", "--group-size=128"]
BENCH = ["--grid=32,224;384,64", "--repeats=5"]
"""For 512 tokens: a short prompt with a long answer, and a long prompt with a short answer."""
ENGINES = {
    "fp32": ("model", []),
    "int4": ("int4", []),
    "int4-int8": ("int4", ["--activations=int8"]),
}
"""The checkpoint and the flags that each engine is built from, by its folder."""


@partial(task, help={"yes": YES, "json": "Print the result for programs."})
def quickstart(context: Context, yes: bool = False, json: bool = False) -> None:
    """Do everything once: mirror, image, model, int4, engines, report. Five to ten minutes.

    Run it again to continue; finished steps are kept in build/quickstart.

    Example: invoke quickstart --yes
    """
    from coldforge.paths import Workspace
    from coldforge.progress import say

    space, seconds = Workspace.find(), Seconds()
    say("1/8 This machine")
    seconds("doctor", lambda: _examine(space.root))
    say("2/8 Mirror: the files that the image is made of (500 MB; minutes on a slow connection)")
    seconds("mirror.fetch", _fetch)
    say("3/8 Image: built from the mirror, without network (one to three minutes)")
    built = seconds("image.build", lambda: _image(yes))
    inside = CachedTasks(space.build / "quickstart", built, yes)
    say("4/8 Demo model: a small Llama trained in the image (two to four minutes)")
    demo = seconds("model.demo", lambda: inside.make("model.demo", "model"))
    say("5/8 Quantise: GPTQ, int4, groups of 128 (about a minute)")
    int4 = seconds("quantize", lambda: inside.make("quantize", "int4", QUANTISE, model="model"))
    say("6/8 Evaluate: perplexity before and after (about a minute)")
    evaluate = partial(inside.ask, "evaluate")
    before = seconds("evaluate original", lambda: evaluate(model="model"))
    after = seconds("evaluate int4", lambda: evaluate(model="int4", reference="model"))
    say("7/8 Engines: built for ONNX Runtime and timed together (about a minute)")
    engines = seconds("engine.build", lambda: _engines(inside))
    bench = seconds("bench", lambda: inside.ask("bench", BENCH, engine=list(engines)))
    say("8/8 Report: with how TensorRT-LLM 0.5.0 would load the int4 model")
    check = partial(inside.ask, "engine.check", ["--release=0.5.0"], checkpoint="int4")
    results = {"quantize": int4, "evaluate-original": before, "evaluate-int4": after,
               "bench": bench, "check": seconds("engine.check", check), **engines}  # fmt: skip
    page = seconds("report", lambda: _report(inside.home, results))
    result = _result(built, demo, int4, before, after)
    result |= {"engines": _measured(bench), "report": page, "seconds": seconds.spent}
    emit(result, json, table(result))


def table(result: Result) -> str:
    """Lay the result out as text."""
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
        *_engine_lines(result["engines"]),
        "",
        *(f"{name:<28}{spent:>12.1f} s" for name, spent in result["seconds"].items()),
        "",
        f"image   {result['image']['digest']}",
        f"models  {result['folder']}",
        f"report  {result['report']}",
    ]
    return "\n".join(lines)


def _engine_lines(engines: dict[str, Result]) -> list[str]:
    """Lay out the engines' tokens a second in each cell of the grid."""
    cells = list(next(iter(engines.values()))["tokens_per_s"])
    head = "".join(f"{cell:>14}" for cell in cells)
    lines = [f"{'tokens/s, in,out':<28}{head}"]
    for found in engines.values():
        row = "".join(f"{speed:>14.0f}" for speed in found["tokens_per_s"].values())
        lines.append(f"  {found['precision']:<26}{row}")
    return lines


def _examine(root: Path) -> None:
    from coldforge.errors import ColdforgeError
    from coldforge.host.doctor import examine, healthy
    from coldforge.host.doctor import table as checks_table
    from coldforge.paths import Workspace
    from coldforge.progress import say

    checks = examine(Workspace(root), "cpu")
    say(checks_table(checks))
    if not healthy(checks):
        raise ColdforgeError("this machine fails some checks", "follow the hints above")


def _fetch() -> None:
    from coldforge.tasks.mirror import fetch_stack

    fetch_stack("cpu")


def _image(yes: bool) -> "BuiltImage":
    from coldforge.tasks.image import build_and_load

    return build_and_load("cpu", yes)


def _engines(inside: CachedTasks) -> dict[str, Result]:
    """Build each engine; return the results of engine.build by folder."""
    return {
        f"engine-{name}": inside.make("engine.build", f"engine-{name}", flags, checkpoint=source)
        for name, (source, flags) in ENGINES.items()
    }


def _report(home: Path, results: dict[str, Result]) -> str:
    """Write the results and a report of them; return the path of its page."""
    import json

    from coldforge.files.atomic import write_file
    from coldforge.report.report import make_report

    runs = home / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    for name, found in results.items():
        write_file(runs / f"{name}.json", json.dumps(found, indent=2, sort_keys=True).encode())
    return make_report(runs, home / "report").page


def _measured(bench: Result) -> dict[str, Result]:
    """Select what the table shows of a bench."""
    return {
        found["name"]: {
            "precision": found["precision"],
            "digest": found["digest"],
            "disk_bytes": found["disk_bytes"],
            "tokens_per_s": {
                f"{cell['input_len']},{cell['output_len']}": cell["output_tokens_per_s"]
                for cell in found["cells"]
            },
        }
        for found in bench["engines"]
    }


def _result(
    built: "BuiltImage", demo: Result, int4: Result, before: Result, after: Result
) -> Result:
    """Select what the table shows of the tasks' results."""
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


TASKS = on_host(quickstart)
