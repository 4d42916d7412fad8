"""A format of its own, added through the door alone: recognised, measured, inspected, converted."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.checkpoint.formats.format import Width
from coldforge.checkpoint.formats.registry import find_format, format_of, formats
from coldforge.engine.memory.outline import widths_of
from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.model.checkpoints.inspect import run_inspect
from tests.model.door import grown
from tests.smallmodels import Shapes, write_model

FAKE = '''
from coldforge.checkpoint.formats.format import Format, Shape, Width
from coldforge.checkpoint.formats.quantized import Quantized


class Fake(Format):
    """Codes, scales and zero points as Quantized holds them."""

    name = "fake"
    parts = (".codes", ".scales", ".zeros")
    convertible = True

    def matches(self, settings):
        return settings.get("quant_method") == "fake"

    def shape(self, layer, shapes, settings):
        (inputs, outputs), (groups, _) = shapes[".codes"], shapes[".scales"]
        return Shape(settings["bits"], inputs, outputs, groups)

    def decode(self, layer, tensors, settings):
        return Quantized(settings["bits"], *(tensors[part] for part in self.parts))

    def encode(self, layer, item, settings=None):
        return {".codes": item.codes, ".scales": item.scales, ".zeros": item.zeros}

    def config(self, settings):
        return {"quant_method": "fake", "bits": settings["bits"]}

    def width(self, layer, settings):
        return Width(settings["bits"], 32)


FORMAT = Fake()
'''
LAYER = "model.layers.0.mlp.up_proj"
SHAPES: Shapes = {
    f"{LAYER}.codes": ("U8", [64, 32]),
    f"{LAYER}.scales": ("F16", [2, 32]),
    f"{LAYER}.zeros": ("I16", [2, 32]),
}


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Path]:
    """A folder whose modules are formats."""
    with grown("coldforge.checkpoint.formats", tmp_path / "door", formats) as folder:
        yield folder


def add(door: Path, name: str = "fake") -> None:
    text = FAKE.replace('name = "fake"', f'name = "{name}"')
    (door / f"{name}_format.py").write_text(text, "utf-8")


def test_a_format_is_recognised_and_named(door: Path) -> None:
    add(door)
    assert format_of({"quant_method": "fake"}).name == "fake"
    assert find_format("fake") is formats()["fake"]
    with pytest.raises(UnknownNameError) as caught:
        find_format("other")
    assert "fake" in caught.value.hint


def test_its_checkpoints_are_measured_inspected_and_weighed(door: Path, tmp_path: Path) -> None:
    add(door)
    settings = {"quant_method": "fake", "bits": 4}
    model = write_model(tmp_path / "m", SHAPES, quantization_config=settings)
    assert read_checkpoint(model).linear_weights == 64 * 32
    found = run_inspect(str(model))
    assert found["format"] == "fake"
    (layer,) = found["layers"]
    assert (layer["bits"], layer["group_size"], layer["outputs"]) == (4, 32, 32)
    assert widths_of(settings)(LAYER) == Width(4, 32)


def test_two_formats_that_recognise_the_same_are_an_error(door: Path) -> None:
    add(door)
    add(door, "false")
    with pytest.raises(ColdforgeError, match="several formats recognise: fake, false"):
        format_of({"quant_method": "fake"})
    assert format_of({"quant_method": "gptq"}).name == "gptq"


@pytest.mark.model
def test_checkpoints_are_converted_into_it_and_back(door: Path, tmp_path: Path) -> None:
    torch: Any = pytest.importorskip("torch")
    from coldforge.model.checkpoints.convert import run_convert
    from coldforge.model.loading.load import load_model
    from tests.checkpoint.formats.folders import make, rounded, tiny

    add(door)
    how = {"bits": 4, "group_size": 32, "sym": False}
    source = make(
        tiny(tmp_path / "plain", "llama"), tmp_path / "gptq", "gptq",
        lambda _, weight: rounded(weight, 4, 32, sym=False), **how,
    )  # fmt: skip
    for source_name, to in (("gptq", "fake"), ("fake", "back")):
        target = "gptq" if to == "back" else to
        found = run_convert(str(tmp_path / source_name), str(tmp_path / to), target)
        assert found["lossless"]
    config = json.loads((tmp_path / "fake" / "config.json").read_text("utf-8"))
    assert config["quantization_config"] == {"quant_method": "fake", "bits": 4}
    assert read_checkpoint(tmp_path / "back").digest == read_checkpoint(source).digest
    ours, theirs = (load_model(read_checkpoint(tmp_path / one)) for one in ("fake", "gptq"))
    for name, item in ours.named_parameters():
        assert torch.equal(item, theirs.get_parameter(name)), name
