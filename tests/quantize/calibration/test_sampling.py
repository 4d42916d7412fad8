from typing import Any

import pytest

from coldforge.quantize.calibration.sampling import Prompt, Sampler, end_tokens

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model

SIZES = {"vocab_size": 50, "bos_token_id": 0, "eos_token_id": 0}
PROMPTS = [[5, 6, 7, 8, 9], [11], [20, 21, 22]]


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def model(request: pytest.FixtureRequest) -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(1)
    if request.param == "gpt2":
        return GPT2LMHeadModel(
            GPT2Config(n_embd=16, n_layer=2, n_head=2, n_positions=32, **SIZES)
        ).eval()
    return LlamaForCausalLM(
        LlamaConfig(
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=32,
            **SIZES,
        )
    ).eval()


def rows(seed: str = "s") -> list[Prompt]:
    return [Prompt(ids, f"{seed}{at}") for at, ids in enumerate(PROMPTS)]


def ask(
    model: Any, temperature: float, asked: list[Prompt], ends: frozenset[int]
) -> list[list[int]]:
    with torch.inference_mode():
        return Sampler(model, ends, temperature).answers(asked, 10)


def test_greedy_rows_beside_each_other_say_what_they_say_alone(model: Any) -> None:
    found = ask(model, 0, rows(), frozenset())
    for prompt, said in zip(PROMPTS, found, strict=True):
        ids = list(prompt)
        for _ in range(10):
            with torch.inference_mode():
                ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
        assert said == ids[len(prompt) :]


def test_a_seed_decides_what_is_drawn(model: Any) -> None:
    one, two, other = (ask(model, 1.0, rows(seed), frozenset()) for seed in ("s", "s", "t"))
    assert one == two != other


def test_a_row_does_not_hear_its_neighbours(model: Any) -> None:
    together = ask(model, 1.0, rows(), frozenset())
    assert [ask(model, 1.0, [row], frozenset())[0] for row in rows()] == together


def test_an_end_closes_its_row_only(model: Any) -> None:
    open_ended = ask(model, 1.0, rows(), frozenset())
    end = open_ended[0][4]
    closed = ask(model, 1.0, rows(), frozenset({end}))
    for before, after in zip(open_ended, closed, strict=True):
        assert after == before[: before.index(end) if end in before else len(before)]
    assert len(closed[0]) <= 4


def test_question_and_answer_stay_within_the_context(model: Any) -> None:
    with torch.inference_mode():
        found = Sampler(model, frozenset(), 1.0).answers(rows(), 100)
    assert [len(said) for said in found] == [32 - 5] * 3


def test_a_model_may_have_further_ends(model: Any) -> None:
    assert end_tokens(model, 7) == {7, *end_tokens(model, 7)}
    model.generation_config.eos_token_id = [3, 4]
    assert end_tokens(model, 7) == {3, 4, 7}
    model.generation_config.eos_token_id = None
    assert end_tokens(model, 7) == {7}
