import pytest

from coldforge.model.families.family import Family
from coldforge.model.families.registry import families

EACH = pytest.mark.parametrize("family", families().values(), ids=lambda family: family.name)


@EACH
def test_what_makes_an_input_has_as_many_outputs(family: Family) -> None:
    gives = {layer: what for stage in family.stages for layer, what in stage.projections.items()}
    for stage in family.stages:
        assert not (stage.norm and stage.linear)
        # Grouped queries repeat the values: `fold` checks the sides before it uses the layer.
        if stage.linear and gives[stage.linear] != "key_value":
            assert gives[stage.linear] == stage.inputs


@EACH
def test_a_block_reads_and_gives_the_hidden_state(family: Family) -> None:
    first, last = family.stages[0], family.stages[-1]
    assert first.inputs == "hidden"
    assert set(last.projections.values()) == {"hidden"}
    assert sum(stage.inputs == "intermediate" for stage in family.stages) == 1


@EACH
def test_biases_belong_to_layers(family: Family) -> None:
    assert set(family.biases) <= set(family.layers)


@EACH
def test_learned_positions_have_a_table(family: Family) -> None:
    assert bool(family.position_embedding) == (family.positions == "learned")


def test_a_bias_is_always_there_or_as_the_config_says() -> None:
    llama, qwen2 = families()["llama"], families()["qwen2"]
    assert not llama.has_bias("self_attn.q_proj", {})
    assert llama.has_bias("self_attn.q_proj", {"attention_bias": True})
    assert not llama.has_bias("mlp.up_proj", {"attention_bias": True})
    assert qwen2.has_bias("self_attn.q_proj", {"attention_bias": False})
    assert not qwen2.has_bias("self_attn.o_proj", {"attention_bias": True})


def test_the_base_models_prefix_is_that_of_the_blocks() -> None:
    assert {family.base for family in families().values()} == {"model", "transformer"}
