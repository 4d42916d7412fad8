"""A precision per layer: bytes go where the model minds their lack most."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from coldforge.checkpoint.formats.registry import find_format
from coldforge.errors import ColdforgeError
from coldforge.files.atomic import write_file
from coldforge.files.output import WORK
from coldforge.progress import say
from coldforge.quantize.blockwise.block import Block, Stored
from coldforge.quantize.blockwise.request import Request, Result
from coldforge.quantize.blockwise.run import WIDE, walk
from coldforge.quantize.methods.gptq import Solving, solved
from coldforge.quantize.methods.method import Variant, check_groups
from coldforge.quantize.methods.mixed.candidates import fitting, layer_shapes, options_of
from coldforge.quantize.methods.mixed.pareto import Mix, Option, frontier, sparing, within
from coldforge.quantize.methods.mixed.report import picture, rows, table
from coldforge.quantize.methods.mixed.sensitivity import STATE, Trial, drift, measure, state
from coldforge.quantize.settings import grouped, setting
from coldforge.quantize.solver.gptq import Columns
from coldforge.quantize.solver.hessian import Hessian

UNIFORM = 4
"""Bits whose bytes are the budget where no limit is given."""
TRIES, SLACK = 4, 0.9
"""To stay below --max-kl; how much further than predicted the next one goes."""


@dataclass(frozen=True)
class Settings:
    """One limit; without any, the bytes are those of 4 bits throughout."""

    group_size: int = grouped()
    budget: float | None = setting(
        None,
        "Bytes to spend, as a share of fp16's, such as 0.35",
        valid=lambda share: 0 < share <= 1,
        hint="choose a share of fp16's bytes, such as 0.35",
    )
    max_kl: float | None = setting(
        None,
        "Divergence to stay below, such as 0.002",
        valid=lambda limit: limit > 0,
        hint="choose a number above 0, such as 0.002",
    )

    def __post_init__(self) -> None:
        """Raise ColdforgeError for two limits."""
        if self.budget is not None and self.max_kl is not None:
            raise ColdforgeError("--budget and --max-kl exclude each other", "give one of them")


class Mixed:
    """GPTQ, with bits chosen layer by layer: the least summed damage within the bytes.

    The damage of a layer in a width is measured: the divergence of the whole model's next-token
    distributions when that layer alone is quantised so, on a few calibration windows.
    """

    name = "mixed"
    summary = "a precision per layer by measured sensitivity, within --budget or --max-kl"
    calibrated = True
    settings = Settings
    variants = (Variant("mixed", "mixed"),)

    def quantise(self, request: Request) -> Result:
        """Fill `request.out`; raise ColdforgeError if no choice of precisions is within limits."""
        size, limit = request.settings["group_size"], request.settings["max_kl"]
        check_groups(request.checkpoint, size)
        if limit is not None and (request.blocks is not None or request.prune):
            raise ColdforgeError(
                "--max-kl is about whole models with nothing but quantisation done to them",
                "leave --blocks and --prune out, or give --budget",
            )
        options = _options(request)
        mixes = frontier(list(options.values()))
        made = _frugal(request, mixes, options) if limit else _affordable(request, mixes, options)
        return _explained(request, options, made)


METHOD = Mixed()


@dataclass(frozen=True)
class _Made:
    mix: Mix
    result: Result
    kl: float | None
    """Measured on the probe windows; None where the last block was not quantised."""
    tries: int = 1


Options = Mapping[str, Sequence[Option]]


def _options(request: Request) -> Options:
    """Measure every layer in every width."""
    size = request.settings["group_size"]
    shapes = layer_shapes(request.checkpoint)

    def store(block: Block, layer: str, hessian: Hessian, bits: int) -> Stored:
        return solved(block, layer, hessian, Columns(bits, size))

    trial = Trial({layer: fitting(shape) for layer, shape in shapes.items()}, store)
    damages = measure(request, trial)
    return {
        layer: options_of(shape, damages.get(layer, {}), size) for layer, shape in shapes.items()
    }


def _affordable(request: Request, mixes: Sequence[Mix], options: Options) -> _Made:
    """Quantise with the least damage within the budget."""
    whole = request.checkpoint.linear_fp16_bytes
    others = whole - sum(ways[0].size for ways in options.values())
    share = request.settings["budget"]
    if share is None:
        uniform = (
            next((w.size for w in ways if w.bits == UNIFORM), ways[0].size)
            for ways in options.values()
        )
        room = sum(uniform)
    else:
        room = int(share * whole) - others
    mix = within(mixes, room)
    if mix is None:
        least = (mixes[0].size + others) / whole
        raise ColdforgeError(
            f"no choice of precisions takes {share:g} of fp16's bytes",
            f"the least is --budget {least + 0.0005:.3f}",
        )
    return _quantised(request, mix, options)


def _frugal(request: Request, mixes: Sequence[Mix], options: Options) -> _Made:
    """Quantise with the fewest bytes predicted to be below the limit; measure; else aim lower."""
    limit = request.settings["max_kl"]
    path = state(request) / "aim.json"
    tries, aim = json.loads(path.read_text("utf-8")) if path.is_file() else (1, limit)
    while True:
        mix = sparing(mixes, aim)
        assert mix is not None  # noqa: S101 - all layers as they are do no damage
        made = _quantised(request, mix, options)
        if made.kl is None or made.kl <= limit:
            return replace(made, tries=tries)
        if tries == TRIES:
            raise ColdforgeError(
                f"the KL is {made.kl:.2g} after {tries} tries, above {limit:g}", "raise --max-kl"
            )
        say(f"  KL {made.kl:.2g} is above {limit:g}: another try with more bytes")
        tries, aim = tries + 1, mix.damage * limit / made.kl * SLACK
        _forget(request)
        write_file(path, json.dumps([tries, aim]).encode())


def _forget(request: Request) -> None:
    """Remove what a try left, but for what was measured."""
    for item in request.out.glob("*.safetensors*"):
        item.unlink()
    for item in (request.out / WORK).iterdir():
        if item.is_file():
            item.unlink()
        elif item.name != STATE:
            shutil.rmtree(item)


def _quantised(request: Request, mix: Mix, options: Options) -> _Made:
    """Quantise with a mix, and measure how far the model strays at the end."""
    size = request.settings["group_size"]
    path = state(request) / "drift.json"
    picked = zip(options.items(), mix.picks, strict=True)
    bits = {layer: ways[pick].bits for (layer, ways), pick in picked}

    def how(layer: str) -> Columns | None:
        return Columns(bits[layer], size) if bits[layer] != WIDE else None

    solving = Solving(how)

    def quantise(block: Block) -> dict[str, Stored]:
        done = solving(block)
        if block.index + 1 == len(block.spine):
            write_file(path, json.dumps(drift(request, block)).encode())
        return done

    result = walk(request, quantise, find_format("gptq"))
    return _Made(mix, result, json.loads(path.read_text("utf-8")) if path.is_file() else None)


def _explained(request: Request, options: Options, made: _Made) -> Result:
    """Add the table and the picture."""
    found = rows(options, made.mix.picks)
    write_file(request.out / "sensitivity.svg", picture(found).encode())
    facts = {
        "layers": found,
        "measure": "KL to the original with one layer alone quantised, on calibration windows",
        "measured_kl": made.kl,
        "predicted_kl": made.mix.damage,
        "tries": made.tries,
    }
    lines = table(found)
    said = "" if made.kl is None else f", measured {made.kl:.2e}"
    lines.append(f"KL on calibration windows: predicted {made.mix.damage:.2e}{said}")
    return replace(made.result, extra={"sensitivity": facts, "explained": lines})
