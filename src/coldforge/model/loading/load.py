"""Load a model in float32, original or quantised in any known format, without special kernels.

Inputs of linear layers are rounded to int8 in the forward pass as compressed-tensors does. Source:
lifecycle.forward and utils.calculate_qparams of release 0.20. A scale is the largest magnitude over
127.5, rounding half to even, values from -128 to 127.
"""

import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.checkpoint.formats.format import Inputs
from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.checkpoint.linear import Linear
from coldforge.errors import ColdforgeError
from coldforge.model.loading.reading import Reader, own_errors

INT8_ZERO = 128
"""The unsigned code of zero."""
UNREADABLE = (AttributeError, KeyError, OSError, RuntimeError, TypeError, ValueError)

LOW, HIGH = -128, 127


def load_model(checkpoint: Checkpoint, *, rounding: bool = True) -> Any:  # noqa: ANN401
    """Return the model ready to run; raise ColdforgeError if it cannot be loaded completely.

    A Transformers model, its weights float32. int8 inputs are rounded on their way into their
    layers, and coldforge-int8 layers become torch's own dynamic ones; without `rounding` all inputs
    stay float32.
    """
    reader = Reader(checkpoint) if checkpoint.quantization else None
    try:
        model, info = _load(checkpoint, reader)
    except UNREADABLE as error:
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise ColdforgeError(
            f"{checkpoint.folder} cannot be loaded: {first}", "is it a causal language model?"
        ) from error
    # Transformers fills missing tensors with random numbers and only warns.
    for kind in ("missing_keys", "mismatched_keys"):
        for key in sorted(map(str, info[kind])):
            raise ColdforgeError(
                f"the weights of {checkpoint.folder} do not fit its config: {key}",
                "copy the model again",
            )
    if reader:
        _refuse_biases(reader, sorted(map(str, info["unexpected_keys"])))
        if rounding:
            _round_inputs(model, reader)
    return model.eval()


def rounds_inputs(checkpoint: Checkpoint) -> bool:
    """Tell whether a layer of the checkpoint was made for int8 inputs."""
    return any(map(partial(inputs_of, checkpoint), checkpoint.linears.values()))


def inputs_of(checkpoint: Checkpoint, linear: Linear) -> Inputs:
    """Say how a layer's inputs are rounded to int8, None if they are not."""
    return linear.format.inputs(linear.name, checkpoint.quantization) if linear.format else None


def _load(checkpoint: Checkpoint, reader: Reader | None) -> tuple[Any, dict[str, Any]]:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    folder = str(checkpoint.folder)
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    options = {"config": config, "dtype": torch.float32, "output_loading_info": True}
    if reader is None:
        loaded = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, **options)
        return loaded[0], loaded[1]
    state = reader.plain()
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    with torch.device("meta"):
        kind = type(AutoModelForCausalLM.from_config(config))
    with own_errors(state):
        loaded = kind.from_pretrained(None, state_dict=state, **options)
    return loaded[0], loaded[1]


def _refuse_biases(reader: Reader, unexpected: list[str]) -> None:
    """Raise ColdforgeError for a bias that the model has no parameter for, unless it is zero.

    AutoGPTQ stores a bias for every layer; where the model has none it is all zeros.
    """
    linears = reader.checkpoint.linears
    for name in unexpected:
        stem, _, part = name.rpartition(".")
        if part == "bias" and stem in linears and bool(reader.tensor(name).any()):
            raise ColdforgeError(
                f"the model has no parameter for {name}", "copy config.json of the checkpoint again"
            )


def _round_inputs(model: Any, reader: Reader) -> None:  # noqa: ANN401 - a Transformers model
    """Let layers round their inputs as their format says."""
    from coldforge.model.loading.load import watch

    for linear, name in _quantised_modules(model, reader.checkpoint):
        kind = inputs_of(reader.checkpoint, linear)
        if kind == "kernel":
            bias = getattr(model.get_submodule(name), "bias", None)
            made = dynamic_linear(reader.layer(linear), bias.detach() if bias is not None else None)
            model.set_submodule(name, made)
        elif kind:
            scale = reader.layer(linear).input_scale if kind == "static" else None
            watch(model.get_submodule(name), scale)


def _quantised_modules(model: Any, checkpoint: Checkpoint) -> Iterator[tuple[Linear, str]]:  # noqa: ANN401
    """Pair quantised layers with their modules' names; checkpoints may leave a prefix out."""
    for linear in checkpoint.linears.values():
        if linear.format:
            known = True
            try:
                model.get_submodule(linear.name)
            except AttributeError:
                known = False
            prefix = "" if known else f"{model.base_model_prefix}."
            yield linear, prefix + linear.name


def dynamic_linear(item: Quantized, bias: Any) -> Any:  # noqa: ANN401 - tensors and a module
    """Return a torch.ao.nn.quantized.dynamic.Linear that computes with exactly these codes."""
    import torch
    from torch.ao.nn.quantized.dynamic import Linear

    _choose_kernels()
    inputs, outputs = item.codes.shape
    codes = (item.codes.T.to(torch.int16) - INT8_ZERO).to(torch.int8).contiguous()
    scales = item.scales[0]
    with warnings.catch_warnings():
        # torch warns that it will drop quantised tensors; the release we run on has them.
        warnings.simplefilter("ignore")
        if bool((scales == scales[0]).all()):
            weight = torch._make_per_tensor_quantized_tensor(codes, float(scales[0]), 0)
        else:
            weight = torch._make_per_channel_quantized_tensor(
                codes, scales.double(), torch.zeros(outputs, dtype=torch.long), 0
            )
        module = Linear(inputs, outputs)
        module.set_weight_bias(weight, bias if bias is not None else torch.zeros(outputs))
    return module


def _choose_kernels() -> None:
    """Choose a kernel library where torch has not."""
    import torch

    known = [name for name in torch.backends.quantized.supported_engines if name != "none"]
    if torch.backends.quantized.engine == "none" and known:
        torch.backends.quantized.engine = known[0]


def rounded(values: Any, scale: Any) -> Any:  # noqa: ANN401 - tensors
    """Round to the nearest int8 multiple of `scale`, in the type of `values`."""
    import torch

    return torch.round(torch.clamp(values / scale, LOW, HIGH)) * scale


def token_scales(values: Any) -> Any:  # noqa: ANN401 - tensors
    """Return the scale of each token: (..., 1) for values (..., in_features)."""
    import torch

    largest = values.abs().amax(-1, keepdim=True)
    scale = largest / ((HIGH - LOW) / 2)
    return torch.where(scale == 0, torch.finfo(scale.dtype).eps, scale)


def watch(module: Any, scale: Any) -> Any:  # noqa: ANN401 - a module, a tensor or None; a hook
    """Let a module round its inputs by `scale`, or by a scale for each token if it is None.

    Return the hook, which can be removed.
    """

    def hook(_: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:  # noqa: ANN401
        values = given[0]
        step = token_scales(values) if scale is None else scale.to(values)
        return (rounded(values, step), *given[1:])

    return module.register_forward_pre_hook(hook)
