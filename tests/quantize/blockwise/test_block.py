from pathlib import Path
from typing import Any

import pytest

from tests.quantize.blockwise.rig import block_of, random_model

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model
KINDS = ("llama", "gqa", "gpt2", "qwen2")


@pytest.mark.parametrize("kind", KINDS)
def test_folding_leaves_the_blocks_function_as_it_was(kind: str, tmp_path: Path) -> None:
    from coldforge.quantize.blockwise.block import fold, foldable, storable

    chance = torch.Generator().manual_seed(0)
    with block_of(random_model(tmp_path / "m", kind), tmp_path) as block:
        before = torch.cat(block.feed.outputs(range(4)))
        for stage in block.stages:
            if foldable(block, stage):
                was = block.weight(stage.layers[0])
                scales = (torch.randn(was.shape[1], generator=chance) / 2).exp()
                fold(block, stage, storable(block, stage, scales))
                assert not torch.equal(block.weight(stage.layers[0]), was)
        after = torch.cat(block.feed.outputs(range(4)))
    # A norm's bias is rounded to sixteen bits once more; all else is exact in float32.
    limit = 1e-3 if kind == "gpt2" else 1e-5
    assert (after - before).abs().max() < limit * before.abs().max()


def test_a_scale_is_what_rounding_the_norm_to_sixteen_bits_leaves(tmp_path: Path) -> None:
    from coldforge.quantize.blockwise.block import fold, storable

    with block_of(random_model(tmp_path / "m", "llama"), tmp_path) as block:
        stage = block.stages[0]
        norm = block.skeleton.block.input_layernorm.weight
        before = norm.detach().clone()
        asked = torch.linspace(0.3, 7, len(before))
        asked[5] = 1e9
        scales = storable(block, stage, asked)
        fold(block, stage, scales)
        after = block.skeleton.block.input_layernorm.weight.detach()
    assert torch.equal(after, after.half().float())
    assert scales[5] == 1
    rest = torch.arange(len(asked)) != 5
    assert torch.allclose(scales[rest], asked[rest], rtol=2**-10)
    assert torch.allclose(after * scales, before, rtol=1e-6)


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("llama", [True, True, True, True]),
        ("gqa", [True, False, True, True]),
        ("gpt2", [True, False, True, False]),
        ("qwen2", [True, False, True, True]),
    ],
)
def test_what_stands_alone_or_is_shared_by_heads_is_not_folded(
    kind: str, wanted: list[bool], tmp_path: Path
) -> None:
    from coldforge.quantize.blockwise.block import foldable

    with block_of(random_model(tmp_path / "m", kind), tmp_path) as block:
        assert [foldable(block, stage) for stage in block.stages] == wanted
