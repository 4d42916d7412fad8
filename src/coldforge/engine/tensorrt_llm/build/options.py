"""Settings and checkpoint as the words that release profiles map to flags; rotary positions too."""

from collections.abc import Mapping
from typing import Any

from coldforge.engine.tensorrt_llm.build.precision import Precision
from coldforge.engine.tensorrt_llm.build.settings import BuildSettings
from coldforge.errors import ColdforgeError

Value = str | bool | tuple[str, ...]
"""What follows a flag; True and False: it is on, or off."""
Words = dict[str, Value]
"""Word -> value."""
EITHER = (("max_output_len", "max_seq_len"), ("kv_cache_type", "paged_kv_cache"))
"""Words with the same meaning: a release has one of them."""
OWN = frozenset({
    "context_fmha", "grouped_query", "input_timing_cache", "output_timing_cache", "per_group",
    "quant_checkpoint", "remove_input_padding", "rotary_base", "rotary_scaling", "smooth_quant",
    "storage", "world_size",
})  # fmt: skip
"""Words that follow from others; only for the releases that have a flag for them."""
BASE = 10_000.0


def words_of(settings: BuildSettings, precision: Precision, config: Mapping[str, Any]) -> Words:
    """List the words of an engine, in the order of the command line."""
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


def _types(settings: BuildSettings) -> Words:
    dtype = settings.dtype
    words = {"dtype": dtype, "attention_plugin": dtype, "gemm_plugin": dtype}
    return {**words, "storage": "fp32" if dtype == "float32" else "fp16"}


def _weights(precision: Precision, alpha: float) -> Words:
    if precision.name == "w8a8":
        steps: Words = {"per_channel": True, "per_token": True}
        return {"smoothquant": f"{alpha:g}", "smooth_quant": True, **steps}
    if not precision.weight_only:
        return {}
    words: Words = {"weight_only": True, "weight_only_precision": precision.weight_only}
    if not precision.source:
        return words
    # 128 is every release's own.
    size = {} if precision.group_size == 128 else {"group_size": str(precision.group_size)}
    return {**words, "per_group": True, **size}


def _cache(settings: BuildSettings) -> Words:
    words: Words = {}
    if settings.max_beam_width > 1:
        words["max_beam_width"] = str(settings.max_beam_width)
    if settings.max_num_tokens:
        # It counts tokens without padding; 0.5.0 requires fused attention for it.
        words |= {"max_num_tokens": str(settings.max_num_tokens), "context_fmha": True}
        words |= {"remove_input_padding": True}
    if settings.kv_cache:
        words |= {
            "kv_cache_type": settings.kv_cache,
            "paged_kv_cache": settings.kv_cache == "paged",
        }
    if settings.int8_kv_cache:
        words["int8_kv_cache"] = True
    return words


def _ranks(settings: BuildSettings) -> Words:
    ranks = {"tp": settings.tp, "pp": settings.pp, "world_size": settings.tp * settings.pp}
    return {word: str(count) for word, count in ranks.items() if count > 1}


def _grouped(config: Mapping[str, Any]) -> bool:
    heads = config.get("num_attention_heads")
    return bool(config.get("num_key_value_heads", heads) != heads)


def rotary(
    config: Mapping[str, Any], reads_config: bool, known: list[str]
) -> dict[str, str | tuple[str, ...]]:
    """Return `rotary_base` and `rotary_scaling` where they are not the usual ones.

    `known`: kinds of scaling the release can do. Where it `reads_config`, it looks for rope_theta
    at the top of config.json; Transformers 5 writes it in rope_parameters, which would be missed.
    Raise ColdforgeError for that, and for a scaling it does not know.
    """
    nested = config.get("rope_parameters") or {}
    base = float(config.get("rope_theta") or nested.get("rope_theta") or BASE)
    scaling = config.get("rope_scaling") or nested
    kind = str(scaling.get("rope_type") or scaling.get("type") or "default")
    if reads_config and nested and (base != BASE or kind != "default"):
        missing = [name for name in ("rope_theta", "rope_scaling") if name not in config]
        unread = [name for name in missing if name == "rope_theta" or kind != "default"]
        if unread:
            raise ColdforgeError(
                f"the release would not find {' and '.join(unread)} in config.json: its "
                "Transformers is older than rope_parameters",
                "write them at the top of config.json too",
            )
    words: dict[str, str | tuple[str, ...]] = {}
    if base != BASE:
        words["rotary_base"] = f"{base:.10g}"
    if kind == "default":
        return words
    if kind not in known:
        raise ColdforgeError(
            f"the release does not support rotary scaling of type {kind}",
            f"supported: {', '.join(known)}; take a later release",
        )
    return {**words, "rotary_scaling": (kind, f"{float(scaling.get('factor', 1.0)):.10g}")}
