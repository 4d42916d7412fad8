from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from coldforge.checkpoint.formats.registry import find_format
from coldforge.errors import ColdforgeError
from tests.checkpoint.formats.layers import NAME, drawn, layers, patient, same, settings_of

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model
V1, V2 = find_format("gptq"), find_format("gptq_v2")
MADE = {"gptqmodel": {"quantizer": ["gptqmodel:7.6.0"]}, "nobody": {}}


@patient
@given(layers((2, 3, 4, 8), low=1, ordered=True))
def test_v1_gives_back_what_it_stored(item: Any) -> None:
    asked = settings_of(item)
    assert same(V1.decode(NAME, V1.encode(NAME, item, asked), V1.config(asked)), item)


@patient
@given(layers((2, 3, 4, 8), ordered=True))
def test_v2_gives_back_what_it_stored(item: Any) -> None:
    asked = settings_of(item)
    assert same(V2.decode(NAME, V2.encode(NAME, item, asked), V2.config(asked)), item)


@patient
@given(layers((2, 3, 4, 8), low=1))
def test_v1_stores_zero_points_one_lower_than_v2(item: Any) -> None:
    lower = replace(item, zeros=item.zeros - 1)
    assert torch.equal(V1.encode(NAME, item)[".qzeros"], V2.encode(NAME, lower)[".qzeros"])


def test_v1_refuses_a_zero_point_of_nothing_by_layer() -> None:
    with pytest.raises(ColdforgeError, match=rf"gptq cannot hold the layer {NAME}: a zero point"):
        V1.encode(NAME, drawn(4, zero=0))


@pytest.mark.parametrize(("maker", "meant"), [("gptqmodel", 0), ("nobody", 16)])
def test_a_field_of_all_ones_is_read_as_its_maker_reads_it(maker: str, meant: int) -> None:
    tensors = V2.encode(NAME, drawn(4, zero=7))
    tensors[".qzeros"] = torch.full_like(tensors[".qzeros"], -1)
    if maker == "gptqmodel":  # it subtracts from whole words: 0x00000000 - 0x11111111
        tensors[".qzeros"].fill_(-0x11111111)
    settings = {"bits": 4, "meta": MADE[maker]}
    assert bool((V1.decode(NAME, tensors, settings).zeros == meant).all())


def test_without_group_indices_groups_run_in_order() -> None:
    item = drawn(4, zero=8)
    tensors = V1.encode(NAME, item)
    wanted = V1.decode(NAME, tensors, {"bits": 4})
    del tensors[".g_idx"]
    assert same(V1.decode(NAME, tensors, {"bits": 4}), wanted)
    tensors[".g_idx"] = torch.empty(0, dtype=torch.int32)
    assert same(V1.decode(NAME, tensors, {"bits": 4}), wanted)


def test_a_rule_gives_a_layer_its_own_width() -> None:
    item = drawn(8, zero=128)
    settings = {"bits": 4, "dynamic": {NAME: {"bits": 8}}}
    assert same(V1.decode(NAME, V1.encode(NAME, item), settings), item)


@pytest.mark.parametrize(
    ("part", "change", "said"),
    [
        (".qzeros", lambda tensor: tensor[:, :-1], "qzeros is 2 by 3"),
        (".qweight", lambda tensor: tensor[:-1], "qweight is 7 by 32"),
        (".scales", lambda tensor: tensor * float("nan"), "scales holds NaN"),
        (".scales", lambda tensor: tensor[0], "scales is not a matrix: 32"),
        (".g_idx", lambda tensor: tensor + 1, "names a group that does not exist"),
    ],
)
def test_what_does_not_fit_is_named_with_its_layer(part: str, change: Any, said: str) -> None:
    tensors = V1.encode(NAME, drawn(4, zero=8))
    tensors[part] = change(tensors[part])
    with pytest.raises(ColdforgeError, match=said) as caught:
        V1.decode(NAME, tensors, {"bits": 4})
    assert NAME in caught.value.message


def test_a_missing_part_is_named() -> None:
    tensors = V1.encode(NAME, drawn(4, zero=8))
    del tensors[".qzeros"]
    with pytest.raises(ColdforgeError, match=r"up_proj lacks \.qzeros"):
        V1.decode(NAME, tensors, {"bits": 4})


@pytest.mark.parametrize(
    "settings", [{"bits": 5}, {"bits": "4x"}, {"bits": 4, "pack_dtype": "int16"}]
)
def test_other_widths_and_words_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ColdforgeError, match="is packed in"):
        V1.decode(NAME, V1.encode(NAME, drawn(4, zero=8)), settings)


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_scales_that_would_be_rounded_are_refused(kind: str) -> None:
    item = drawn(4, zero=8)
    with pytest.raises(ColdforgeError, match=f"its scales are torch.{kind}"):
        V1.encode(NAME, replace(item, scales=item.scales.to(getattr(torch, kind))))


@pytest.mark.parametrize(
    ("form", "sym", "makers"),
    [
        (V1, True, ["coldforge:0.1.0"]),
        (V1, False, ["coldforge:0.1.0", "gptqmodel:0.9.0"]),
        (V2, False, ["coldforge:0.1.0"]),
    ],
)
def test_the_writer_is_named_by_its_revision(form: Any, sym: bool, makers: list[str]) -> None:
    asked = {"bits": 4, "group_size": 64, "sym": sym}
    assert form.config(asked)["meta"] == {"quantizer": makers}


def test_layers_left_as_they_are_get_a_negative_rule() -> None:
    asked = {"bits": 4, "group_size": 64, "sym": False, "dynamic": {"a": None, "b": {"bits": 8}}}
    settings = V1.config(asked)
    assert settings["dynamic"] == {"-:a": {}, "b": {"bits": 8}}
    (older,) = V1.files(settings).values()
    assert older["bits"] == 4
    assert older["quant_method"] == "gptq"
