import json
import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.checkpoint.safetensors_file import read_header, tensor_digests
from coldforge.errors import ColdforgeError

PAIR = {"a": {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]},
        "b": {"dtype": "I32", "shape": [], "data_offsets": [4, 8]}}  # fmt: skip


def write(path: Path, header: object, data: bytes) -> Path:
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def test_a_whole_file_says_what_it_holds(tmp_path: Path) -> None:
    header = read_header(write(tmp_path / "f", {**PAIR, "__metadata__": {"x": "y"}}, bytes(8)))
    assert {name: item.size for name, item in header.items()} == {"a": 4, "b": 4}


def test_a_flipped_byte_changes_the_digest_of_its_tensor_alone(tmp_path: Path) -> None:
    one = tensor_digests(write(tmp_path / "one", PAIR, bytes(8)))
    two = tensor_digests(write(tmp_path / "two", PAIR, bytes(7) + b"\1"))
    assert one["a"] == two["a"]
    assert one["b"] != two["b"]


def test_equal_bytes_of_another_shape_have_another_digest(tmp_path: Path) -> None:
    turned = {"a": {"dtype": "F16", "shape": [2, 1], "data_offsets": [0, 4]}, "b": PAIR["b"]}
    one = tensor_digests(write(tmp_path / "one", PAIR, bytes(8)))
    two = tensor_digests(write(tmp_path / "two", turned, bytes(8)))
    assert one["a"] != two["a"]


@pytest.mark.parametrize(
    ("header", "data"),
    [
        ({"a": {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]}}, bytes(3)),
        ({"a": {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]}}, bytes(5)),
        ({"a": {"dtype": "F16", "shape": [2], "data_offsets": [4, 8]}}, bytes(8)),
        ({"a": {"dtype": "F16", "shape": [3], "data_offsets": [0, 4]}}, bytes(4)),
        ({"a": {"dtype": "X16", "shape": [2], "data_offsets": [0, 4]}}, bytes(4)),
        ({"a": {"dtype": "F16", "shape": [-1, -2], "data_offsets": [0, 4]}}, bytes(4)),
        ({"a": {"dtype": "F16"}}, bytes(4)),
        ([], b""),
        ("text", b""),
    ],
)
def test_a_header_that_does_not_fit_its_file_is_refused(
    tmp_path: Path, header: object, data: bytes
) -> None:
    with pytest.raises(ColdforgeError, match="not a complete safetensors file"):
        read_header(write(tmp_path / "f", header, data))


@pytest.mark.parametrize(
    ("length", "why"),
    [(100_000_000, "cannot be read"), (100_000_001, "longer than the file")],
    ids=["at the limit", "above the limit"],
)
def test_a_header_is_read_up_to_the_limit_of_the_format(
    tmp_path: Path, length: int, why: str
) -> None:
    path = tmp_path / "f"
    path.write_bytes(struct.pack("<Q", length) + b"x")
    os.truncate(path, 8 + length)  # sparse: takes no space on the disk
    with pytest.raises(ColdforgeError, match=f"its header (is )?{why}"):
        read_header(path)


@given(st.binary(max_size=200))
def test_any_other_bytes_are_refused_without_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "f"
    path.write_bytes(data)
    try:
        read_header(path)
    except ColdforgeError as error:
        assert error.hint


@given(cut=st.integers(0, 200), at=st.integers(0, 200), byte=st.integers(0, 255))
def test_damage_is_refused_or_leaves_the_sizes_true(
    tmp_path_factory: pytest.TempPathFactory, cut: int, at: int, byte: int
) -> None:
    path = write(tmp_path_factory.mktemp("any") / "f", PAIR, bytes(8))
    data = bytearray(path.read_bytes())
    data[at % len(data)] = byte
    path.write_bytes(data[: max(0, len(data) - cut)])
    try:
        header = read_header(path)
    except ColdforgeError:
        return
    assert sum(item.size for item in header.values()) <= path.stat().st_size
