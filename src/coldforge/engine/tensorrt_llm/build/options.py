"""What settings and a checkpoint come to, in the words that every profile knows."""

from collections.abc import Mapping
from typing import Any

from coldforge.engine.tensorrt_llm.build.precision import Precision
from coldforge.engine.tensorrt_llm.build.settings import Settings

Value = str | bool | tuple[str, ...]
"""What follows a flag; True and False: it is on, or off."""
Said = dict[str, Value]
"""Word -> value."""
EITHER = (("max_output_len", "max_seq_len"), ("kv_cache_type", "paged_kv_cache"))
"""Words that say the same: a release has one of them."""
OWN = frozenset({
    "context_fmha", "grouped_query", "input_timing_cache", "output_timing_cache", "per_group",
    "quant_checkpoint", "remove_input_padding", "rotary_base", "rotary_scaling", "smooth_quant",
    "storage", "world_size",
})  # fmt: skip
"""Words we say unasked, to the releases that want them."""


def meaning(settings: Settings, precision: Precision, config: Mapping[str, Any]) -> Said:
    """List what is to be said of an engine, in the order it is written."""
    size = settings
    return {
        **_types(settings),
        **_weights(precision, settings.alpha),
        "max_batch_size": str(size.max_batch_size),
        "max_input_len": str(size.max_input_len),
        "max_output_len": str(size.max_output_len),
        "max_seq_len": str(size.max_input_len + size.max_output_len),
        **_cache(settings),
        **_ranks(settings),
        **({"calibration": settings.calibration} if settings.calibration else {}),
        **({"grouped_query": True} if _grouped(config) else {}),
        **settings.words(),
    }


def _types(settings: Settings) -> Said:
    dtype = settings.dtype
    said = {"dtype": dtype, "attention_plugin": dtype, "gemm_plugin": dtype}
    return {**said, "storage": "fp32" if dtype == "float32" else "fp16"}


def _weights(precision: Precision, alpha: float) -> Said:
    if precision.name == "w8a8":
        steps: Said = {"per_channel": True, "per_token": True}
        return {"smoothquant": f"{alpha:g}", "smooth_quant": True, **steps}
    if not precision.weight_only:
        return {}
    said: Said = {"weight_only": True, "weight_only_precision": precision.weight_only}
    if not precision.source:
        return said
    # 128 is every release's own.
    size = {} if precision.group_size == 128 else {"group_size": str(precision.group_size)}
    return {**said, "per_group": True, **size}


def _cache(settings: Settings) -> Said:
    said: Said = {}
    if settings.max_beam_width > 1:
        said["max_beam_width"] = str(settings.max_beam_width)
    if settings.max_num_tokens:
        # It counts tokens without padding; 0.5.0 wants fused attention for it.
        said |= {"max_num_tokens": str(settings.max_num_tokens), "context_fmha": True}
        said |= {"remove_input_padding": True}
    if settings.kv_cache:
        said |= {"kv_cache_type": settings.kv_cache, "paged_kv_cache": settings.kv_cache == "paged"}
    if settings.int8_kv_cache:
        said["int8_kv_cache"] = True
    return said


def _ranks(settings: Settings) -> Said:
    ranks = {"tp": settings.tp, "pp": settings.pp, "world_size": settings.tp * settings.pp}
    return {word: str(count) for word, count in ranks.items() if count > 1}


def _grouped(config: Mapping[str, Any]) -> bool:
    heads = config.get("num_attention_heads")
    return bool(config.get("num_key_value_heads", heads) != heads)
