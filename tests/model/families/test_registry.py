import ast
from pathlib import Path

import pytest

import coldforge
from coldforge.engine.tensorrt_llm.loader.registry import loaders
from coldforge.errors import ColdforgeError
from coldforge.model.families.registry import families, family_of, stores_transposed
from coldforge.stack.profile import read_profile

RELEASES = Path(__file__).resolve().parents[3] / "docker" / "releases"


def test_each_module_is_a_family_of_its_name() -> None:
    assert {"gpt2", "llama", "mistral", "qwen2"} <= set(families())
    assert all(family.name == name for name, family in families().items())


def test_an_unknown_type_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ColdforgeError, match="'mamba'") as caught:
        family_of({"model_type": "mamba"})
    assert "gpt2, llama" in caught.value.hint
    with pytest.raises(ColdforgeError, match="None"):
        family_of({})


def test_an_unknown_type_stores_its_weights_as_linear_layers_do() -> None:
    assert stores_transposed({"model_type": "gpt2"})
    assert not stores_transposed({"model_type": "mamba"})
    assert not stores_transposed({})


@pytest.mark.parametrize("loader", loaders().values(), ids=lambda loader: loader.name)
def test_a_loader_names_known_families(loader: object) -> None:
    named = getattr(loader, "families") | getattr(loader, "biases")  # noqa: B009
    assert named
    assert named <= families().keys()


@pytest.mark.parametrize("place", sorted(RELEASES.glob("*.toml")), ids=lambda place: place.stem)
def test_a_release_names_known_families(place: Path) -> None:
    assert set(read_profile(RELEASES, place.stem).models) <= families().keys()


def test_no_other_module_knows_a_family_by_name() -> None:
    source = Path(coldforge.__file__).parent
    named = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and node.value in families()
    }
    allowed = (
        "demo/",  # its models are of families
        "engine/tensorrt_llm/loader/v",  # which families a release reads
        "engine/onnxruntime/graph/genai_config.py",  # ONNX Runtime's name of a kind of decoder
        "model/families/",
    )
    assert sorted(name for name in named if not name.startswith(allowed)) == []
