from pathlib import Path
from typing import Any

import pytest

from coldforge.errors import ColdforgeError
from coldforge.model.checkpoint import read_checkpoint
from coldforge.model.methods.catalogue import find_method
from tests.model.walk.rig import divergence, quantised, random_model

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model one of whose blocks hardly matters."""
    from safetensors.torch import load_file, save_file

    folder = tmp_path_factory.mktemp("uneven")
    random_model(folder, "llama")
    tensors = load_file(folder / "model.safetensors")
    for name in ("self_attn.o_proj", "mlp.down_proj"):
        tensors[f"model.layers.1.{name}.weight"] *= 0.01
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    return read_checkpoint(folder)


@pytest.fixture(scope="module")
def mixed(uneven: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The model in the bytes of four bits: folder, result, loaded."""
    out = tmp_path_factory.mktemp("mixed") / "q"
    return out, *quantised(uneven, out, "mixed")


def test_at_the_same_bytes_it_strays_less_than_four_bits_throughout(
    uneven: Any, mixed: Any, tmp_path: Path
) -> None:
    out, _, model = mixed
    _, plain = quantised(uneven, tmp_path / "four", "gptq")
    four, made = read_checkpoint(tmp_path / "four"), read_checkpoint(out)
    assert made.linear_bytes <= four.linear_bytes
    assert divergence(uneven, model) < 0.5 * divergence(uneven, plain)


def test_bytes_go_where_they_matter_and_the_table_says_why(mixed: Any) -> None:
    out, result, _ = mixed
    found = result.extra["sensitivity"]
    rows = {row["layer"]: row for row in found["layers"]}
    assert len(rows) == 14
    # The files hold what the table says.
    linears = read_checkpoint(out).linears
    assert {name: item.size for name, item in linears.items()} == {
        name: row["bytes"] for name, row in rows.items()
    }
    weak, strong = (rows[f"model.layers.{at}.mlp.down_proj"] for at in (1, 0))
    assert weak["bits"] < strong["bits"]
    assert all(row["kl"]["3"] > row["kl"]["8"] for row in rows.values())
    assert found["measured_kl"] == pytest.approx(found["predicted_kl"], rel=0.7)
    assert result.extra["explained"][0].split()[:3] == ["layer", "bits", "bytes"]
    picture = (out / "sensitivity.svg").read_text()
    assert picture.startswith("<svg")
    assert "model.layers.1.mlp.down_proj" in picture


def test_below_a_divergence_it_takes_no_more_bytes_than_needed(
    uneven: Any, mixed: Any, tmp_path: Path
) -> None:
    limit = 0.5 * mixed[1].extra["sensitivity"]["measured_kl"]
    result, _ = quantised(uneven, tmp_path / "q", "mixed", max_kl=limit)
    found = result.extra["sensitivity"]
    assert found["measured_kl"] <= limit
    more, less = read_checkpoint(tmp_path / "q"), read_checkpoint(mixed[0])
    assert less.linear_bytes < more.linear_bytes < 0.6 * more.linear_fp16_bytes


def test_killed_while_quantising_it_does_not_measure_again_and_gives_the_same_bytes(
    uneven: Any, mixed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coldforge.model.methods import mixed as module
    from coldforge.model.sensitivity import measure

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setattr(module, "walk", killed)
    with pytest.raises(KeyboardInterrupt):
        quantised(uneven, tmp_path / "q", "mixed")
    monkeypatch.undo()
    monkeypatch.setattr(measure, "_probe", killed)
    quantised(uneven, tmp_path / "q", "mixed")
    assert read_checkpoint(tmp_path / "q").digest == read_checkpoint(mixed[0]).digest


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"budget": 0.3, "max_kl": 0.1}, "two aims"),
        ({"budget": 35.0}, "a budget of 35.0 is no share"),
        ({"max_kl": 0.0}, "no model has a KL below 0"),
        ({"bits": 4}, "--bits is not for mixed"),
    ],
)
def test_limits_that_make_no_sense_are_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(ColdforgeError, match=message):
        find_method("mixed").settings(asked)
