"""A bit width per layer, by the measured sensitivity of each layer."""

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
from coldforge.quantize.blockwise.run import UNQUANTISED, quantise_blocks
from coldforge.quantize.methods.gptq import GptqQuantiser, solve_layer
from coldforge.quantize.methods.method import Variant, check_groups
from coldforge.quantize.methods.mixed.allocation import (
    Assignment,
    LayerCandidate,
    best_within,
    candidates_of,
    layer_shapes,
    pareto_frontier,
    smallest_below,
    storable_widths,
)
from coldforge.quantize.methods.mixed.report import chart, rows, table
from coldforge.quantize.methods.mixed.sensitivity import STATE, ProbePlan, final_kl, measure, state
from coldforge.quantize.settings import grouped, setting
from coldforge.quantize.solver.gptq import GptqConfig
from coldforge.quantize.solver.hessian import Hessian

UNIFORM = 4
"""Bits whose bytes are the budget where no limit is given."""
TRIES, SLACK = 4, 0.9
"""Attempts to stay below --max-kl; factor by which the next one aims below the prediction."""


@dataclass(frozen=True)
class MixedSettings:
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
    """GPTQ with bits chosen layer by layer: the least summed divergence within the bytes.

    The sensitivity of a layer in a width is measured: the divergence of the model's next-token
    distributions when that layer alone is quantised, on a few calibration windows.
    """

    name = "mixed"
    summary = "a precision per layer by measured sensitivity, within --budget or --max-kl"
    calibrated = True
    settings = MixedSettings
    variants = (Variant("mixed", "mixed"),)

    def quantise(self, request: Request) -> Result:
        """Fill `request.out`; raise ColdforgeError if no assignment is within the limits."""
        size, limit = request.settings["group_size"], request.settings["max_kl"]
        check_groups(request.checkpoint, size)
        if limit is not None and (request.blocks is not None or request.prune):
            raise ColdforgeError(
                "--max-kl applies to complete models that are not pruned",
                "leave --blocks and --prune out, or give --budget",
            )
        candidates = _measured(request)
        choose = _below_kl if limit else _within_budget
        made = choose(request, pareto_frontier(list(candidates.values())), candidates)
        return _explained(request, candidates, made)


METHOD = Mixed()


@dataclass(frozen=True)
class _Made:
    assignment: Assignment
    result: Result
    kl: float | None
    """Measured on the probe windows; None where the last block was not quantised."""
    tries: int = 1


Candidates = Mapping[str, Sequence[LayerCandidate]]


def _measured(request: Request) -> Candidates:
    """Measure every layer in every width; list its candidates."""
    size = request.settings["group_size"]
    shapes = layer_shapes(request.checkpoint)

    def store(block: Block, layer: str, hessian: Hessian, bits: int) -> Stored:
        return solve_layer(block, layer, hessian, GptqConfig(bits, size))

    trial = ProbePlan({layer: storable_widths(shape) for layer, shape in shapes.items()}, store)
    sensitivities = measure(request, trial)
    return {
        layer: candidates_of(shape, sensitivities.get(layer, {}), size)
        for layer, shape in shapes.items()
    }


def _within_budget(
    request: Request, frontier: Sequence[Assignment], candidates: Candidates
) -> _Made:
    """Quantise with the assignment of least divergence within the budget."""
    total = request.checkpoint.linear_fp16_bytes
    others = total - sum(items[0].size for items in candidates.values())
    share = request.settings["budget"]
    if share is None:
        uniform = (
            next((item.size for item in items if item.bits == UNIFORM), items[0].size)
            for items in candidates.values()
        )
        budget = sum(uniform)
    else:
        budget = int(share * total) - others
    assignment = best_within(frontier, budget)
    if assignment is None:
        least = (frontier[0].size + others) / total
        raise ColdforgeError(
            f"{share:g} of fp16's bytes are too few for any choice of bit widths",
            f"the least is --budget {least + 0.0005:.3f}",
        )
    return _quantised(request, assignment, candidates)


def _below_kl(request: Request, frontier: Sequence[Assignment], candidates: Candidates) -> _Made:
    """Quantise with the fewest bytes predicted to be below the limit; measure, and aim lower."""
    limit = request.settings["max_kl"]
    path = state(request) / "aim.json"
    tries, aim = json.loads(path.read_text("utf-8")) if path.is_file() else (1, limit)
    while True:
        assignment = smallest_below(frontier, aim)
        assert assignment is not None  # noqa: S101 - layers left as they are have no divergence
        made = _quantised(request, assignment, candidates)
        if made.kl is None or made.kl <= limit:
            return replace(made, tries=tries)
        if tries == TRIES:
            raise ColdforgeError(
                f"the KL is {made.kl:.2g} after {tries} attempts, above {limit:g}", "raise --max-kl"
            )
        say(f"  KL {made.kl:.2g} is above {limit:g}: trying again with more bytes")
        tries, aim = tries + 1, assignment.kl * limit / made.kl * SLACK
        _forget(request)
        write_file(path, json.dumps([tries, aim]).encode())


def _forget(request: Request) -> None:
    """Remove the files of an attempt, except the measurements."""
    for item in request.out.glob("*.safetensors*"):
        item.unlink()
    for item in (request.out / WORK).iterdir():
        if item.is_file():
            item.unlink()
        elif item.name != STATE:
            shutil.rmtree(item)


def _quantised(request: Request, assignment: Assignment, candidates: Candidates) -> _Made:
    """Quantise with an assignment, and measure the divergence of the result."""
    size = request.settings["group_size"]
    path = state(request) / "drift.json"
    picked = zip(candidates.items(), assignment.picks, strict=True)
    bits = {layer: items[pick].bits for (layer, items), pick in picked}

    def how(layer: str) -> GptqConfig | None:
        return GptqConfig(bits[layer], size) if bits[layer] != UNQUANTISED else None

    solving = GptqQuantiser(how)

    def quantise(block: Block) -> dict[str, Stored]:
        done = solving(block)
        if block.index + 1 == len(block.skeleton):
            write_file(path, json.dumps(final_kl(request, block)).encode())
        return done

    result = quantise_blocks(request, quantise, find_format("gptq"))
    return _Made(
        assignment, result, json.loads(path.read_text("utf-8")) if path.is_file() else None
    )


def _explained(request: Request, candidates: Candidates, made: _Made) -> Result:
    """Add the table and the chart."""
    found = rows(candidates, made.assignment.picks)
    write_file(request.out / "sensitivity.svg", chart(found).encode())
    facts = {
        "layers": found,
        "measure": "KL to the original with one layer alone quantised, on calibration windows",
        "measured_kl": made.kl,
        "predicted_kl": made.assignment.kl,
        "tries": made.tries,
    }
    lines = table(found)
    measured = "" if made.kl is None else f", measured {made.kl:.2e}"
    lines.append(f"KL on calibration windows: predicted {made.assignment.kl:.2e}{measured}")
    return replace(made.result, extra={"sensitivity": facts, "explained": lines})
