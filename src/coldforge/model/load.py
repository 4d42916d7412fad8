"""Load a model in float32, original or GPTQ-quantised, on any CPU without a kernel."""

from typing import Any

from coldforge.errors import ColdforgeError
from coldforge.model.checkpoint import CONV1D, PARTS, Checkpoint

BITS = (2, 4, 8)
"""Widths that divide a 32-bit word."""


def load_model(checkpoint: Checkpoint) -> Any:  # noqa: ANN401 - a Transformers model
    """Return the model ready to run; raise ColdforgeError if it cannot be loaded whole."""
    try:
        model, info = _load(checkpoint)
    except (AttributeError, KeyError, OSError, RuntimeError, ValueError) as error:
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise ColdforgeError(
            f"{checkpoint.folder} cannot be loaded: {first}", "is it a causal language model?"
        ) from error
    # Transformers fills what it does not find with random numbers and only remarks on it.
    for kind in ("missing_keys", "mismatched_keys"):
        for key in sorted(map(str, info[kind])):
            raise ColdforgeError(
                f"the weights of {checkpoint.folder} do not fit its config: {key}",
                "copy the model again",
            )
    return model.eval()


def _load(checkpoint: Checkpoint) -> tuple[Any, dict[str, Any]]:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    folder = str(checkpoint.folder)
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    options = {"config": config, "dtype": torch.float32, "output_loading_info": True}
    if not checkpoint.quantization:
        loaded = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, **options)
    else:
        state = dense_state(checkpoint)
        if hasattr(config, "quantization_config"):
            del config.quantization_config
        with torch.device("meta"):
            kind = type(AutoModelForCausalLM.from_config(config))
        loaded = kind.from_pretrained(None, state_dict=state, **options)
    return loaded[0], loaded[1]


def dense_state(checkpoint: Checkpoint) -> dict[str, Any]:
    """Read a GPTQ checkpoint's tensors with every packed weight unpacked to float32."""
    import torch
    from safetensors.torch import load_file

    bits, offset = _layout(checkpoint)
    packed: dict[str, Any] = {}
    for path in checkpoint.files:
        packed |= load_file(path)
    state = {name: item for name, item in packed.items() if not _is_part(name, packed)}
    for name in sorted(packed):
        stem, _, part = name.rpartition(".")
        if part == "qweight":
            layer = {key: packed.get(stem + key) for key in PARTS}
            weight = dequantise(layer, bits, offset)
            turned = checkpoint.config.get("model_type") in CONV1D
            state[f"{stem}.weight"] = weight if turned else weight.T.contiguous()
    return {name: item.to(torch.float32) for name, item in state.items()}


def dequantise(layer: dict[str, Any], bits: int, offset: int) -> Any:  # noqa: ANN401 - a tensor
    """Unpack one layer's weight, (inputs, outputs): (q - (z + offset)) * s of the row's group.

    Field n of a 32-bit word is its bits n*bits and up. AutoGPTQ's v1 stores zeros one too low
    (offset 1), v2 stores them as they are (offset 0).
    """
    import torch

    shifts = torch.arange(0, 32, bits, dtype=torch.int32)
    mask = (1 << bits) - 1
    words, zeros, scales = layer[".qweight"], layer[".qzeros"], layer[".scales"].float()
    codes = ((words[:, None, :] >> shifts[None, :, None]) & mask).reshape(-1, words.shape[1])
    points = ((zeros[:, :, None] >> shifts) & mask).reshape(zeros.shape[0], -1) + offset
    group = layer.get(".g_idx")
    if group is None:
        group = torch.arange(len(codes)) // (len(codes) // len(scales))
    group = group.long()
    return (codes - points[group]).float() * scales[group]


def _layout(checkpoint: Checkpoint) -> tuple[int, int]:
    """Return bits and zero offset of a GPTQ checkpoint; raise ColdforgeError for others."""
    quantization = checkpoint.quantization
    kind, bits = quantization.get("quant_method"), int(quantization.get("bits", 0))
    form = quantization.get("checkpoint_format") or quantization.get("format") or "gptq"
    if kind != "gptq" or form not in {"gptq", "gptq_v2"} or bits not in BITS:
        raise ColdforgeError(
            f"{checkpoint.folder} is quantised as {kind}/{form} with {bits} bits",
            "GPTQ checkpoints of 2, 4 or 8 bits can be read, formats gptq and gptq_v2",
        )
    return bits, 0 if form == "gptq_v2" else 1


def _is_part(name: str, packed: dict[str, Any]) -> bool:
    stem, _, part = name.rpartition(".")
    return f".{part}" in PARTS and f"{stem}.qweight" in packed
