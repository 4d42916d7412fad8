import json
import shutil
from pathlib import Path

import pytest

from coldforge.engine.onnxruntime.runner import GenaiRunner

pytestmark = pytest.mark.model
PROMPTS = [[5, 9, 301, 44], [7, 7, 7, 7], [0, 12, 0, 3]]


@pytest.fixture(scope="module")
def runner(fp32_engine: Path) -> GenaiRunner:
    return GenaiRunner(fp32_engine, threads=1)


def alone(runner: GenaiRunner, prompt: list[int], count: int) -> list[int]:
    return [token for (token,) in runner.follow([prompt], count)]


def test_an_engine_follows_as_its_model_does_in_torch(
    runner: GenaiRunner, demo: Path, int4_engine: Path, int4: Path
) -> None:
    from coldforge.checkpoint.checkpoint import read_checkpoint
    from coldforge.model.generate import following
    from coldforge.model.loading.load import load_model

    assert (runner.positions, runner.vocab) == (512, 4096)
    for engine, place in ((runner, demo), (GenaiRunner(int4_engine, threads=1), int4)):
        model = load_model(read_checkpoint(place))
        for prompt in PROMPTS:
            assert alone(engine, prompt, 6) == list(following(model, prompt, 6))


def test_a_batch_follows_as_its_prompts_do_alone(runner: GenaiRunner) -> None:
    together = [list(row) for row in zip(*runner.follow(PROMPTS, 6), strict=True)]
    assert together == [alone(runner, prompt, 6) for prompt in PROMPTS]


def test_a_token_that_ends_texts_does_not_end_the_loop(
    runner: GenaiRunner, fp32_engine: Path, tmp_path: Path
) -> None:
    free = list(runner.follow(PROMPTS[:1], 8))
    place = tmp_path / "engine"
    shutil.copytree(fp32_engine, place)
    settings = json.loads((place / "genai_config.json").read_text("utf-8"))
    settings["model"]["eos_token_id"] = free[1][0]
    (place / "genai_config.json").write_text(json.dumps(settings), "utf-8")
    assert list(GenaiRunner(place, threads=1).follow(PROMPTS[:1], 8)) == free


def test_the_last_position_is_used_and_none_beyond(runner: GenaiRunner) -> None:
    from coldforge.errors import ColdforgeError

    long = [[3] * (runner.positions - 1)]
    assert len(list(runner.follow(long, 1))) == 1
    with pytest.raises(ColdforgeError, match="failed: max_length"):
        list(runner.follow(long, 2))
