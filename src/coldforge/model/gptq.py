"""GPTQ by the GPTQModel library, on the CPU: AutoGPTQ-v1 checkpoints other tools load."""

import os
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

from coldforge.errors import ColdforgeError
from coldforge.model.method import LayerError, Request, Result, check_groups
from coldforge.model.runtime import prepare, threads


class Gptq:
    """Spread each column's rounding error over the columns not yet rounded."""

    name = "gptq"
    summary = "GPTQ by GPTQModel: static groups, symmetric, AutoGPTQ v1 files"
    bits: tuple[int, ...] = (2, 4, 8)

    def quantise(self, request: Request) -> Result:
        """Fill `request.out`; raise ColdforgeError with the library's last words if it fails."""
        check_groups(request.checkpoint, request.group_size)
        scratch = prepare()
        settings: dict[str, object] = {
            "desc_act": False,
            "sym": True,
            "act_group_aware": False,
            "format": "gptq",
        }
        # The library keeps a folder of logs where it runs, which may not be writable.
        with _aside(scratch / "gptqmodel.log") as log, chdir(scratch), threads():
            try:
                return Result(settings, _run(request, settings))
            except (ArithmeticError, AttributeError, LookupError) as error:
                raise _failed(error, log) from error
            except (NotImplementedError, RuntimeError, TypeError, ValueError) as error:
                raise _failed(error, log) from error


def _run(request: Request, settings: dict[str, object]) -> list[LayerError]:
    import torch
    from gptqmodel import BACKEND, GPTQModel, QuantizeConfig

    torch.manual_seed(request.seed)
    config = QuantizeConfig(
        bits=request.bits, group_size=request.group_size, offload_to_disk=False, **settings
    )
    model = GPTQModel.load(
        str(request.checkpoint.folder), config, device="cpu", dtype=torch.float32
    )
    model.subset_callback = _Watch(request)
    samples = [
        {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids)).long()}
        for ids in request.calibration.windows
    ]
    request.begin(len(request.checkpoint.linear_inputs()))
    logs = model.quantize(samples, batch_size=8, calibration_sort=None, backend=BACKEND.TORCH)
    _halve(model.model)
    model.save(str(request.out))
    return _errors(logs)


def _halve(model: Any) -> None:  # noqa: ANN401 - a Transformers model
    """Store what stays unquantised as float16: calibrated in float32, no larger than before."""
    for item in model.parameters():
        item.data = item.data.half()
    model.config.dtype = "float16"


class _Watch:
    """Turn the library's subset events into steps: a subset is layers quantised together."""

    def __init__(self, request: Request) -> None:
        self.request = request

    def subset_event(self, *, stage: str, module_names: list[str], **_: object) -> None:
        """Count a finished subset's layers."""
        if stage == "quant_complete":
            self.request.advance(len(module_names))


def _errors(logs: dict[str, list[dict[str, Any]]]) -> list[LayerError]:
    found = []
    for entry in (entry for entries in logs.values() for entry in entries):
        try:
            error = float(str(entry.get("loss")))
        except ValueError:
            error = None
        found.append(LayerError(f"{entry.get('layer')}.{entry.get('module')}", error))
    return found


@contextmanager
def _aside(log: Path) -> Iterator[Path]:
    """Send file descriptor 1 to `log`: the library writes there, our results must stay clean."""
    sys.stdout.flush()
    kept = os.dup(1)
    with log.open("wb") as stream:
        os.dup2(stream.fileno(), 1)
        try:
            yield log
        finally:
            sys.stdout.flush()
            os.dup2(kept, 1)
            os.close(kept)


def _failed(error: Exception, log: Path) -> ColdforgeError:
    sys.stdout.flush()
    lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    first = (str(error) or type(error).__name__).splitlines()[0]
    last = f"its last line was: {lines[-1].strip()}" if lines else "it said nothing else"
    return ColdforgeError(f"GPTQModel stopped: {first}", last)
