from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.engine.memory.prediction import choose, read_cards
from coldforge.engine.tensorrt_llm.memory import CUBLAS, RESERVE
from coldforge.errors import ColdforgeError
from tests.engine.memory.models import CODELLAMA_34B, GPT2, LLAMA2_7B, predicted

BLOCK_34B = 2 * 8192 * 8192 + 2 * 8192 * 1024 + 3 * 8192 * 22016


def test_34b_in_int4_weighs_codes_scales_zeros_and_two_tables_in_float16() -> None:
    found = predicted(CODELLAMA_34B, bits=4)

    weights = 48 * BLOCK_34B
    assert found.weights["linear layers"] == weights // 2 + weights // 128 * (2 + 2)
    assert found.weights["linear layers"] == 17_647_534_080
    assert found.weights["embedding"] == found.weights["head"] == 32016 * 8192 * 2
    assert found.weights["norms"] == 97 * 8192 * 2


def test_34b_in_int4_fits_one_a10_at_2048_in_and_1024_out() -> None:
    found = predicted(CODELLAMA_34B, bits=4)

    (a10,) = found.on(choose(read_cards(), "A10"))
    assert a10["fits"]
    assert round(found.total / 1024**3, 1) == 20.7
    assert round(a10["usable_bytes"] / 1024**3, 1) == 22.5
    # What the claim's own arithmetic counts: weights and cache.
    assert round((sum(found.weights.values()) + found.kv) / 1024**3, 1) == 18.0


def test_34b_in_float16_fits_no_card_but_the_80_gb_ones() -> None:
    fits = {item["name"] for item in predicted(CODELLAMA_34B).on(read_cards()) if item["fits"]}
    assert fits == {"A100-80", "H100"}


def test_7b_in_float16_weighs_two_bytes_for_each_published_parameter() -> None:
    assert sum(predicted(LLAMA2_7B).weights.values()) == 2 * 6_738_415_616


def test_gpt2_counts_biases_positions_and_a_head_of_its_own() -> None:
    embedding = 50257 * 768
    assert sum(predicted(GPT2).weights.values()) == 2 * (124_439_808 + embedding)


@pytest.mark.parametrize(
    ("config", "tokens"), [(CODELLAMA_34B, 48 * 2 * 8 * 128), (LLAMA2_7B, 32 * 2 * 32 * 128)]
)
def test_the_cache_holds_keys_and_values_of_each_token(
    config: dict[str, object], tokens: int
) -> None:
    assert predicted(config).kv == tokens * 3072 * 2
    assert predicted(config, int8_kv_cache=True).kv == tokens * 3072
    assert predicted(config, max_batch_size=3).kv == 3 * tokens * 3072 * 2


def test_attention_without_fmha_holds_its_scores_twice() -> None:
    slow, fast = (predicted(CODELLAMA_34B, context_fmha=way).workspace for way in (False, True))

    tokens, heads, query, keys = 2048, 64, 8192, 1024
    scores = tokens * tokens * heads * (2 + 4) + tokens * tokens * 2
    copies = 2 * tokens * (2 * query + 2 * keys)
    padding = 4 * (tokens + 2)
    live = 2 * tokens * (2 * 8192 + 2 * query + 2 * keys)
    assert slow["activations"] == live + scores + copies + padding + CUBLAS
    assert fast["activations"] == 2 * tokens * (2 * 8192 + 4 * 22016) + CUBLAS
    assert slow["driver, CUDA context, kernels"] == RESERVE
    assert slow["logits"] == 32016 * 4


def test_two_cards_halve_the_layers_and_the_cache_but_not_the_embedding() -> None:
    one, two = predicted(CODELLAMA_34B, bits=4), predicted(CODELLAMA_34B, bits=4, tp=2)
    assert 2 * two.weights["linear layers"] == one.weights["linear layers"]
    assert two.weights["embedding"] == one.weights["embedding"]
    assert 2 * two.weights["head"] == one.weights["head"]
    assert 2 * two.kv == one.kv


def test_keys_and_values_are_repeated_where_there_are_more_cards_than_heads() -> None:
    config = {**CODELLAMA_34B, "num_key_value_heads": 2}
    assert predicted(config, tp=4).kv == predicted(config, tp=2).kv


def test_with_pipeline_parallelism_a_card_has_the_embedding_or_the_head() -> None:
    one, two = predicted(LLAMA2_7B), predicted(LLAMA2_7B, pp=2)
    assert two.weights["head"] == 0
    assert 2 * two.weights["linear layers"] == one.weights["linear layers"]
    assert 2 * two.kv == one.kv


def test_widths_that_no_release_holds_are_refused() -> None:
    with pytest.raises(ColdforgeError, match=r"3 bits: model\.layers\.0\.self_attn\.q_proj"):
        predicted(LLAMA2_7B, bits=3)


def test_a_cut_through_a_group_is_refused() -> None:
    # 11008 / 4 is 21 groups and a half.
    with pytest.raises(ColdforgeError, match=r"cuts a group of 128 .*down_proj: 2752 inputs"):
        predicted(LLAMA2_7B, bits=4, tp=4)


settings = st.fixed_dictionaries(
    {
        "max_batch_size": st.integers(1, 64),
        "max_input_len": st.integers(1, 3000),
        "max_output_len": st.integers(1, 1000),
    }
)
FLAT = {**LLAMA2_7B, "num_hidden_layers": 2, "intermediate_size": 11264}


@given(settings, st.sampled_from(["max_batch_size", "max_input_len", "max_output_len"]))
def test_more_of_anything_never_takes_less(asked: dict[str, int], name: str) -> None:
    more = {**asked, name: asked[name] + 1}
    assert predicted(FLAT, **more).total >= predicted(FLAT, **asked).total


@given(settings, st.sampled_from([1, 2, 4]))
def test_fewer_bits_and_more_cards_never_take_more(asked: dict[str, int], tp: int) -> None:
    totals = [predicted(FLAT, bits=bits, tp=tp, **asked).total for bits in (4, 8, 16)]
    assert totals == sorted(totals)
    assert predicted(FLAT, tp=2 * tp, **asked).total <= totals[-1]


@pytest.mark.parametrize(
    ("config", "asked", "message", "hint"),
    [
        (CODELLAMA_34B, {"tp": 7}, "--tp 7 does not divide the model's 64 heads", "divides 64"),
        (CODELLAMA_34B, {"pp": 5}, "--pp 5 does not divide the model's 48 layers", "divides 48"),
        ({**LLAMA2_7B, "intermediate_size": 11009}, {"tp": 2}, "11009 units of the MLP", "11009"),
        (LLAMA2_7B, {"activations": "int8"}, "tensorrt-llm has no --activations", "--backend"),
    ],
)
def test_what_no_engine_of_it_has_is_refused(
    config: dict[str, Any], asked: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises(ColdforgeError) as caught:
        predicted(config, **asked)
    assert message in caught.value.message
    assert hint in caught.value.hint
