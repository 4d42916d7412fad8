"""The quantization_config of compressed-tensors: groups of layers, each with a scheme.

A scheme's targets are layer names, "re:" patterns or class names; ignored layers come first, then
names, patterns, classes (compressed_tensors.utils.match.match_targets, release 0.20).
"""

import re
from collections.abc import Mapping
from typing import Any, Literal

from coldforge.checkpoint.formats import rules
from coldforge.checkpoint.formats.format import Settings, Width
from coldforge.errors import ColdforgeError

METHOD = "compressed-tensors"


def is_form(settings: Settings, form: str) -> bool:
    """Tell whether compressed-tensors wrote the checkpoint in this form."""
    return settings.get("quant_method") == METHOD and settings.get("format") == form


def scheme_of(layer: str, settings: Settings) -> Mapping[str, Any]:
    """Find the scheme of a layer; raise ColdforgeError if no group has it as a target."""
    groups = settings.get("config_groups")
    if not isinstance(groups, Mapping):
        raise ColdforgeError("quantization_config has no config_groups", "copy the model again")
    targets = {
        target: group
        for group in groups.values()
        if isinstance(group, Mapping)
        for target in group.get("targets") or []
    }
    # Exact names before patterns, both before the classes every layer belongs to.
    for target in sorted(targets, key=lambda item: ("re:" in item, item)):
        if _matches(layer, target):
            return targets[target]
    for name in ("Linear", "Conv1D"):
        if name in targets:
            return targets[name]
    raise ColdforgeError(f"no config group targets the layer {layer}", "copy the model again")


def weights_of(layer: str, settings: Settings) -> Mapping[str, Any]:
    """Return how a layer's weights are quantised; raise ColdforgeError for what we cannot read."""
    weights = scheme_of(layer, settings).get("weights") or {}
    kind, strategy = weights.get("type", "int"), weights.get("strategy")
    if kind != "int" or strategy not in {None, "tensor", "channel", "group"}:
        raise ColdforgeError(
            f"the weights of {layer} are quantised as {kind} by {strategy}",
            "integers by tensor, channel or group can be read",
        )
    return dict(weights)


def inputs_of(layer: str, settings: Settings) -> Literal["static", "dynamic"] | None:
    """Tell how a layer's inputs are quantised: None, "static" or "dynamic"."""
    found = scheme_of(layer, settings).get("input_activations")
    if not found:
        return None
    expected = {"num_bits": 8, "type": "int", "symmetric": True}
    dynamic = bool(found.get("dynamic"))
    strategy = found.get("strategy") or "tensor"
    plain = all(found.get(name, value) == value for name, value in expected.items())
    if not plain or strategy != ("token" if dynamic else "tensor"):
        raise ColdforgeError(
            f"the inputs of {layer} are quantised as {dict(found)}",
            "symmetric int8, by token when dynamic, by tensor when static, can be run",
        )
    return "dynamic" if dynamic else "static"


def width(layer: str, settings: Settings) -> Width | None:
    """Say how a layer is stored; None for one that is ignored."""
    for name in settings.get("ignore") or []:
        if _matches(layer, str(name)):
            return None
    found = weights_of(layer, settings)
    rounded = inputs_of(layer, settings) is not None
    return Width(
        int(found.get("num_bits", 8)),
        rules.group_size(found.get("group_size")),
        zeros=not rounded,
        inputs=rounded,
        middle=bool(found.get("symmetric", True)),
    )


def arguments(bits: int, group_size: int, symmetric: bool) -> dict[str, Any]:
    """Describe quantised weights as the library does."""
    per_channel = group_size < 1
    return {
        "dynamic": False,
        "group_size": None if per_channel else group_size,
        "num_bits": bits,
        "strategy": "channel" if per_channel else "group",
        "symmetric": symmetric,
        "type": "int",
    }


def inputs(activations: str | None) -> dict[str, Any] | None:
    """Describe quantised inputs as the library does."""
    if activations is None:
        return None
    dynamic = activations == "dynamic"
    return {
        "dynamic": dynamic,
        "group_size": None,
        "num_bits": 8,
        "strategy": "token" if dynamic else "tensor",
        "symmetric": True,
        "type": "int",
    }


def config(form: str, settings: Settings) -> dict[str, Any]:
    """Write a quantization_config: the exceptions first, then all linear layers."""
    changes = settings.get("dynamic") or {}
    groups = [
        ([f"re:{pattern}"], {**settings, **change})
        for pattern, change in changes.items()
        if change is not None
    ]
    groups.append((["Linear"], dict(settings)))
    head = [] if settings.get("lm_head") else ["lm_head"]
    return {
        "config_groups": {
            f"group_{index}": {
                "format": form,
                "input_activations": inputs(found.get("activations")),
                "output_activations": None,
                "targets": targets,
                "weights": arguments(
                    int(found["bits"]), int(found["group_size"]), bool(found["sym"])
                ),
            }
            for index, (targets, found) in enumerate(groups)
        },
        "format": form,
        "global_compression_ratio": None,
        "ignore": head + [f"re:{name}" for name in changes if changes[name] is None],
        "kv_cache_scheme": None,
        "quant_method": METHOD,
        "quantization_status": "compressed",
    }


def _matches(layer: str, target: str) -> bool:
    if target.startswith("re:"):
        return re.match(target.removeprefix("re:"), layer) is not None
    return target == layer
