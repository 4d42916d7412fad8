from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.stack.recipe import layer_script, read_layer, read_wheel


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(text)


def test_a_layer_needs_no_more_than_a_summary(tmp_path: Path) -> None:
    write(tmp_path / "base" / "layer.toml", 'summary = "small"')
    layer = read_layer(tmp_path, "base")
    assert (layer.script, layer.outputs, layer.inputs.debian) == (None, ["/"], [])


def test_defaults_of_two_layers_are_not_shared(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / name / "layer.toml", f'summary = "{name}"')
    read_layer(tmp_path, "one").outputs.append("/opt")
    assert read_layer(tmp_path, "two").outputs == ["/"]


def test_an_unknown_layer_lists_the_known_ones(tmp_path: Path) -> None:
    write(tmp_path / "base" / "layer.toml", 'summary = ""')
    (tmp_path / "no-recipe").mkdir()
    with pytest.raises(UnknownNameError, match="unknown layer 'bass'") as caught:
        read_layer(tmp_path, "bass")
    assert caught.value.hint == "known: base"


def test_a_name_that_climbs_out_is_unknown(tmp_path: Path) -> None:
    write(tmp_path / "layers" / "base" / "layer.toml", 'summary = ""')
    write(tmp_path / "secret" / "layer.toml", 'summary = ""')
    with pytest.raises(UnknownNameError):
        read_layer(tmp_path / "layers", "../secret")


def test_a_misspelt_key_is_named(tmp_path: Path) -> None:
    write(tmp_path / "base" / "layer.toml", 'summary = ""\n[inputs]\npackages = ["dash"]')
    with pytest.raises(ColdforgeError, match="packages") as caught:
        read_layer(tmp_path, "base")
    assert "layer.toml" in caught.value.hint


def test_a_script_beside_a_base_image_is_refused(tmp_path: Path) -> None:
    text = 'summary = ""\nscript = "build.sh"\n[inputs]\nimage = "a@sha256:0"'
    write(tmp_path / "base" / "layer.toml", text)
    with pytest.raises(ColdforgeError, match="put it in a layer above"):
        read_layer(tmp_path, "base")


def test_a_wheel_recipe_names_sdist_and_build_requirements(tmp_path: Path) -> None:
    write(
        tmp_path / "demo" / "wheel.toml",
        'summary = ""\nsdist = "demo==1"\nrequires = ["setuptools"]\n[env]\nFAST = "1"',
    )
    wheel = read_wheel(tmp_path, "demo")
    assert (wheel.sdist, wheel.requires, wheel.env) == ("demo==1", ["setuptools"], {"FAST": "1"})


def test_a_wheel_recipe_without_an_sdist_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "demo" / "wheel.toml", 'summary = ""\nrequires = []')
    with pytest.raises(ColdforgeError, match="sdist"):
        read_wheel(tmp_path, "demo")


def test_an_unknown_wheel_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown wheel recipe 'demo'") as caught:
        read_wheel(tmp_path, "demo")
    assert caught.value.hint == "known: none"


def test_a_script_is_the_layer_s_own_before_the_shared_one(tmp_path: Path) -> None:
    write(tmp_path / "base" / "layer.toml", 'summary = ""')
    assert layer_script(tmp_path, "base", "packages.sh") == tmp_path / "packages.sh"
    (tmp_path / "base" / "packages.sh").touch()
    assert layer_script(tmp_path, "base", "packages.sh") == tmp_path / "base" / "packages.sh"
