"""quantize: a model's linear weights in fewer bits."""

from collections.abc import Callable
from functools import partial
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any

from invoke.context import Context
from invoke.parser.argument import Argument
from invoke.tasks import Task

from coldforge.tasks._command import asked_for, emit, everywhere, task
from coldforge.tasks._in_image import HELP, MODEL, flags, full, given, hand_over, making, outside

if TYPE_CHECKING:
    from coldforge.quantize.settings import Setting

OWN = "own"
"""Parameter that stands for the settings of the methods."""


class MethodTask(Task[Callable[..., None]]):
    """A task whose flags are its own and the settings that the methods declare."""

    def argspec(self, body: Callable[..., Any]) -> Signature:
        """Put a parameter for each setting after `method`, in place of `**own`."""
        signature = super().argspec(body)
        parameters = [item for name, item in signature.parameters.items() if name != OWN]
        at = [item.name for item in parameters].index("method") + 1
        kind = Parameter.POSITIONAL_OR_KEYWORD
        parameters[at:at] = [
            Parameter(item.parameter, kind, default=item.unset) for item in _settings().values()
        ]
        return signature.replace(parameters=parameters)

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """Return the flags with their help, which the methods give."""
        known = self.help
        settings = _settings().values()
        self.help = known | {item.parameter: item.description for item in settings}
        if settings:
            self.help["method"] = f"How: {', '.join(_methods())}."
        found = super().get_arguments(ignore_unknown_help)
        self.help = known  # Invoke takes out what it used
        return found


def _settings() -> dict[str, "Setting"]:
    if not asked_for("quantize"):
        return {}
    from coldforge.quantize.registry import all_settings

    return all_settings()


def _methods() -> list[str]:
    from coldforge.quantize.registry import methods

    return list(methods())


@partial(
    task,
    klass=MethodTask,
    positional=("model", "out"),  # given, so that Invoke does not look for them on import
    help={
        **HELP,
        "model": MODEL,
        "out": "Folder to make.",
        "method": "Quantisation method.",
        "prune": "Weights to set to zero first: 2:4, or a share such as 0.5.",
        "blocks": "Quantise these blocks only, such as 0:2.",
        "calibration": "Frozen set, text file or folder; else the standard library's sources.",
        "samples": "Calibration windows; else all of a set, 128 from text.",
        "length": "Tokens of a window; else those of a set, 512 from text.",
        "seed": "Of the windows drawn.",
        "device": "cpu, cuda or auto.",
        "dtype": "Of the forward passes: float32, bfloat16, float16 (cuda).",
    },
)
def quantize(  # noqa: PLR0913, PLR0917 - a flag each
    context: Context,
    model: str,
    out: str,
    method: str = "gptq",
    prune: str = "",
    blocks: str = "",
    calibration: str = "",
    samples: int = 0,
    length: int = 0,
    seed: int = 0,
    device: str = "cpu",
    dtype: str = "float32",
    yes: bool = False,
    json: bool = False,
    **own: Any,  # noqa: ANN401 - the methods' settings
) -> None:
    """Store a model's linear weights in fewer bits, in files other tools load.

    Killed, the same command continues after the last complete block.

    Example: invoke quantize --model models/demo --method gptq --bits 4 --out models/demo-int4
    """
    common: dict[str, Any] = {
        "method": method, "prune": prune, "blocks": blocks, "samples": samples or None,
        "length": length or None, "seed": seed, "device": device, "dtype": dtype,
    }  # fmt: skip
    if outside():
        _outside(model, out, calibration, {**own, **common, "json": json}, yes)
        return
    from coldforge.quantize import settings
    from coldforge.quantize.quantize import run_quantize
    from coldforge.quantize.registry import all_settings

    asked = settings.given(all_settings(), own)
    found = run_quantize(model, out, asked=asked, calibration=calibration or None, **common)
    emit(found, json, table(found))


def _outside(model: str, out: str, calibration: str, options: dict[str, Any], yes: bool) -> None:
    from coldforge.model.card_facts import QUANTISED

    options = {name: item for name, item in options.items() if item not in {0, ""}}
    with making(out, QUANTISED) as staged:
        spelled = flags(model=full(model), calibration=full(calibration), out=staged, **options)
        hand_over("quantize", spelled, given(model, calibration), staged, yes)


def table(found: dict[str, Any]) -> str:
    """Summarise the result for people."""
    from coldforge.progress import amount

    share = found["linear_bytes"] / found["linear_fp16_bytes"]
    lines = [
        f"linear weights {amount(found['linear_bytes'])}, {share:.3f} of fp16's "
        f"{amount(found['linear_fp16_bytes'])}; on disk {amount(found['disk_bytes'])}"
    ]
    if drawn := found["calibration"]:
        lines.append(
            f"calibrated with {drawn['samples']} windows of {drawn['length']} tokens, "
            f"{drawn.get('corpus', drawn.get('name', 'a frozen set'))}"
        )
    lines += found.get("explained", [])
    return "\n".join([*lines, f"digest {found['digest']} ({found['seconds']:.0f} s)"])


TASKS = everywhere(quantize)
