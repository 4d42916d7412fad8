from coldforge.engine.memory.outline import precision
from tests.engine.memory.models import GPT2, LLAMA2_7B, outline

GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 128}


def biased(config: dict[str, object]) -> set[str]:
    return {layer.part for layer in outline(config).blocks() if layer.bias}


def test_each_family_has_the_biases_it_has() -> None:
    assert biased(LLAMA2_7B) == set()
    assert biased({**LLAMA2_7B, "model_type": "qwen2"}) == {"q_proj", "k_proj", "v_proj"}
    attention = {"q_proj", "k_proj", "v_proj", "o_proj"}
    assert biased({**LLAMA2_7B, "attention_bias": True}) == attention
    assert biased(GPT2) == {"c_attn", "c_proj", "c_fc"}


def test_layers_are_named_as_checkpoints_name_them() -> None:
    names = [layer.name for layer in outline(LLAMA2_7B).blocks()]
    assert len(names) == 32 * 7
    assert names[0] == "model.layers.0.self_attn.q_proj"
    assert next(outline(GPT2).blocks()).name == "transformer.h.0.attn.c_attn"


def test_a_tied_head_is_never_quantised() -> None:
    config = {**LLAMA2_7B, "quantization_config": {**GPTQ, "lm_head": True}}
    assert outline(config).head().width is not None
    assert outline({**config, "tie_word_embeddings": True}).head().width is None


def test_precision_is_named_by_the_widths() -> None:
    assert precision(outline(LLAMA2_7B), "fp16") == "fp16"
    assert precision(outline(LLAMA2_7B, bits=4), "fp16") == "int4"
    rules = {r"model\.layers\.0\.": {"bits": 8}}
    mixed = {**LLAMA2_7B, "quantization_config": {**GPTQ, "dynamic": rules}}
    assert precision(outline(mixed), "fp16") == "mixed"
    eight = {"quant_method": "coldforge", "format": "coldforge-int8", "bits": 8}
    assert precision(outline({**LLAMA2_7B, "quantization_config": eight}), "fp16") == "w8a8"
