"""Every checkpoint format, its weights bit by bit in the graph."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.checkpoint.formats.rules import exactly
from coldforge.engine.onnxruntime.graph.linear import JOINER
from coldforge.engine.onnxruntime.graph.verify_graph import StoredGraph
from coldforge.files.digest import sha256_file
from tests.checkpoint.formats.folders import int8, make, rounded, signs, split
from tests.engine.onnxruntime.graph.rig import close, decoder, distances, exported

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model
FAMILIES = ("llama", "gpt2")
UP = "model.layers.1.mlp.up_proj"
Layer = Callable[[str, Any], Any]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A decoder of either kind, unquantised."""
    folder = tmp_path_factory.mktemp("plain")
    return {family: decoder(folder / family, family) for family in FAMILIES}


def ordered(weight: Any) -> Any:
    """Round a weight, its inputs' groups in any order."""
    item = rounded(weight, 4, 32, sym=False)
    count = len(item.codes)
    chance = torch.Generator().manual_seed(count)
    return replace(item, order=(torch.randperm(count, generator=chance) // 32).int())


def pruned(weight: Any) -> Any:
    """Round a weight of which every other number is zero."""
    thin = weight.clone()
    thin[:, ::2] = 0
    return rounded(thin, 4, 32, sym=False)


def mixed(name: str, weight: Any) -> Any:
    """Round one layer to three bits, leave one, round the others to eight."""
    if name.endswith(("0.mlp.up_proj", "0.mlp.c_fc")):
        return None
    wide = not name.endswith(("1.mlp.up_proj", "1.mlp.c_fc"))
    return rounded(weight, 8, 32, True) if wide else rounded(weight, 3, -1, True)


MIXED = {
    exactly(f"{stem}.0.{up}"): None
    for stem, up in (("model.layers", "mlp.up_proj"), ("transformer.h", "mlp.c_fc"))
} | {
    exactly(f"{stem}.1.{up}"): {"bits": 3, "group_size": -1}
    for stem, up in (("model.layers", "mlp.up_proj"), ("transformer.h", "mlp.c_fc"))
}
FOUR = {"bits": 4, "group_size": 32, "sym": False}
EIGHT = {"bits": 8, "group_size": -1, "sym": True}
STEP = torch.tensor([0.125])
FORMATS: dict[str, tuple[str, Layer, dict[str, Any]]] = {
    form: (form, lambda _, weight: rounded(weight, 4, 32, sym=False), FOUR)
    for form in ("gptq", "gptq_v2", "awq", "compressed-tensors")
} | {
    "whole rows": ("gptq", lambda _, weight: rounded(weight, 4, -1, False),
                   FOUR | {"group_size": -1}),
    "eight bits": ("gptq", lambda _, weight: rounded(weight, 8, 32, False), FOUR | {"bits": 8}),
    "two bits": ("gptq", lambda _, weight: rounded(weight, 2, 32, False), FOUR | {"bits": 2}),
    "act-order": ("gptq", lambda _, weight: ordered(weight), FOUR | {"desc_act": True}),
    "pruned": ("gptq", lambda _, weight: pruned(weight), FOUR),
    "mixed": ("gptq", mixed, {**EIGHT, "group_size": 32, "dynamic": MIXED}),
    "w8a8": ("w8a8", lambda _, weight: int8(weight), EIGHT | {"activations": "dynamic"}),
    "w8a8 static": ("w8a8", lambda _, weight: replace(int8(weight), input_scale=STEP),
                    EIGHT | {"activations": "static"}),
    "coldforge-int8": ("coldforge-int8", lambda _, weight: int8(weight), {}),
    "coldforge-binary": ("coldforge-binary", lambda _, weight: signs(weight), {"group_size": -1}),
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", FORMATS)
def test_the_graph_holds_the_weights_bit_by_bit_and_gives_torchs_logits(
    plain: dict[str, Path], tmp_path: Path, name: str, family: str
) -> None:
    from coldforge.model.loading.load import load_model

    form, layer, settings = FORMATS[name]
    made = make(plain[family], tmp_path / "made", form, layer, **settings)
    folder = exported(made, tmp_path)
    model, graph = load_model(read_checkpoint(made), rounding=False), StoredGraph(folder)
    names = [name for product in graph.matmuls for name in product.split(JOINER)]
    assert len(names) == (15 if family == "llama" else 9)
    for product in graph.matmuls:
        wanted = torch.cat([model.get_submodule(one).weight for one in product.split(JOINER)])
        turned = family == "gpt2" and product != "lm_head"
        assert torch.equal(graph.weight(product), wanted.T if turned else wanted)
    assert max(distances(made, folder)) < 1e-4


def test_layers_that_read_one_input_share_a_product_unless_their_groups_differ(
    plain: dict[str, Path], tmp_path: Path
) -> None:
    shared = {}
    for name in ("gptq", "act-order"):
        form, layer, settings = FORMATS[name]
        made = make(plain["llama"], tmp_path / name, form, layer, **settings)
        graph = StoredGraph(exported(made, tmp_path / f"engine of {name}"))
        shared[name] = sum(JOINER in product for product in graph.matmuls)
    assert shared == {"gptq": 2, "act-order": 0}


def test_what_was_pruned_stays_zero(plain: dict[str, Path], tmp_path: Path) -> None:
    form, layer, settings = FORMATS["pruned"]
    folder = exported(make(plain["llama"], tmp_path / "made", form, layer, **settings), tmp_path)
    assert not StoredGraph(folder).weight(UP)[:, ::2].any()


def test_groups_in_order_are_not_sorted(plain: dict[str, Path], tmp_path: Path) -> None:
    orders = {}
    for name in ("gptq", "act-order"):
        form, layer, settings = FORMATS[name]
        made = make(plain["llama"], tmp_path / name, form, layer, **settings)
        graph = StoredGraph(exported(made, tmp_path))
        orders[name] = [item for item in graph.constants if item.endswith(".order")]
    assert orders["gptq"] == []
    assert len(orders["act-order"]) == 14


@pytest.mark.parametrize("family", FAMILIES)
def test_shards_and_names_without_their_prefix_are_found(
    plain: dict[str, Path], tmp_path: Path, family: str
) -> None:
    from safetensors.torch import load_file, save_file

    form, layer, settings = FORMATS["gptq"]
    made = make(plain[family], tmp_path / "made", form, layer, **settings)
    path = made / "model.safetensors"
    prefix = "model." if family == "llama" else "transformer."
    bare = {name.removeprefix(prefix): item for name, item in load_file(path).items()}
    save_file(bare, path)
    split(made)
    assert close(made, tmp_path)


@pytest.mark.parametrize("int8_activations", [False, True])
def test_the_same_checkpoint_gives_the_same_files(
    plain: dict[str, Path], tmp_path: Path, int8_activations: bool
) -> None:
    form, layer, settings = FORMATS["act-order"]
    made = make(plain["llama"], tmp_path / "made", form, layer, **settings)
    folders = [exported(made, tmp_path / name, int8_activations=int8_activations) for name in "ab"]
    for name in ("model.onnx", "model.onnx.data"):
        assert len({sha256_file(folder / name) for folder in folders}) == 1


def test_int8_inputs_stay_near(plain: dict[str, Path], tmp_path: Path) -> None:
    form, layer, settings = FORMATS["gptq"]
    made = make(plain["llama"], tmp_path / "made", form, layer, **settings)
    found = distances(made, exported(made, tmp_path, int8_activations=True))
    assert 1e-4 < max(found) < 0.2
