from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.errors import ColdforgeError
from coldforge.quantize.registry import find_method, settings_of
from tests.quantize.blockwise.rig import divergence, quantised, random_model, windows

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


def test_what_was_measured_is_how_far_the_loaded_model_strays(uneven: Any, mixed: Any) -> None:
    from coldforge.model.loading.load import load_model
    from coldforge.quantize.methods.mixed.sensitivity import PROBES

    ids = windows()[:PROBES]
    with torch.inference_mode():
        wanted, found = (
            item(ids).logits.double().log_softmax(-1) for item in (load_model(uneven), mixed[2])
        )
    kl = float((wanted.exp() * (wanted - found)).sum(-1).mean())
    assert mixed[1].extra["sensitivity"]["measured_kl"] == pytest.approx(kl, rel=1e-3)


def test_below_a_divergence_it_takes_no_more_bytes_than_needed(
    uneven: Any, mixed: Any, tmp_path: Path
) -> None:
    limit = 0.5 * mixed[1].extra["sensitivity"]["measured_kl"]
    result, _ = quantised(uneven, tmp_path / "q", "mixed", max_kl=limit)
    found = result.extra["sensitivity"]
    assert found["measured_kl"] <= limit
    more, less = read_checkpoint(tmp_path / "q"), read_checkpoint(mixed[0])
    assert less.linear_bytes < more.linear_bytes < 0.6 * more.linear_fp16_bytes


def test_killed_twice_it_does_nothing_again_and_gives_the_same_bytes_on_other_threads(
    uneven: Any, mixed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coldforge.quantize.methods.mixed import method as module
    from coldforge.quantize.methods.mixed import sensitivity

    real, probed = sensitivity._probe, []

    def probe(block: Any, *rest: Any) -> Any:
        if block.index == 1 and not probed[1:]:
            probed.append(1)
            raise KeyboardInterrupt
        probed.append(block.index)
        return real(block, *rest)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setattr(sensitivity, "_probe", probe)
    with pytest.raises(KeyboardInterrupt):
        quantised(uneven, tmp_path / "q", "mixed")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(module, "quantise_blocks", killed)
        quantised(uneven, tmp_path / "q", "mixed")
    quantised(uneven, tmp_path / "q", "mixed")
    assert probed == [0, 1, 1]
    assert read_checkpoint(tmp_path / "q").digest == read_checkpoint(mixed[0]).digest


def test_with_some_blocks_only_the_others_stay_as_they_are(uneven: Any, tmp_path: Path) -> None:
    from coldforge.quantize.blockwise.request import Request
    from coldforge.quantize.calibration.calibration import Calibration

    method = find_method("mixed")
    drawn = Calibration(windows().tolist(), "none", {})
    out = tmp_path / "q"
    out.mkdir()
    request = Request(uneven, drawn, out, settings_of("mixed", {"budget": 0.64}), blocks=range(1))
    result = method.quantise(request)
    assert {item.bits for item in result.layers[7:]} == {16}
    assert min(item.bits for item in result.layers[:7]) < 8
    assert result.extra["sensitivity"]["measured_kl"] is None
    with pytest.raises(ColdforgeError, match=r"0\.3 of fp16's bytes are too few"):
        method.quantise(replace(request, settings=settings_of("mixed", {"budget": 0.3})))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"budget": 0.3, "max_kl": 0.1}, "exclude each other"),
        ({"budget": 35.0}, "mixed does not take --budget 35.0"),
        ({"max_kl": 0.0}, "mixed does not take --max-kl 0.0"),
        ({"bits": 4}, "--bits is not for mixed"),
    ],
)
def test_limits_that_make_no_sense_are_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(ColdforgeError, match=message):
        settings_of("mixed", asked)
