"""What a matrix may say, and what is said of one that is wrong."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from coldforge.errors import ColdforgeError
from coldforge.experiments.sweep.matrix import read_matrix
from tests.experiments.sweep.conftest import MATRIX

METHODS = some.one_of(
    some.sampled_from(["fp16", "bf16", "dynamic-int8"]).map(lambda name: {"method": name}),
    some.fixed_dictionaries(
        {"method": some.sampled_from(["gptq", "rtn"])},
        optional={
            "bits": some.sampled_from([3, 4, 8]),
            "group_size": some.sampled_from([-1, 32, 64, 128]),
            "sym": some.booleans(),
            "prune": some.sampled_from(["2:4", "0.5", "0.25"]),
        },
    ),
)


def toml(table: dict[str, object]) -> str:
    """Write an inline table."""
    shown = {bool: lambda item: str(item).lower(), int: str, str: lambda item: f'"{item}"'}
    return (
        "{" + ", ".join(f"{key} = {shown[type(item)](item)}" for key, item in table.items()) + "}"
    )


def _sorted(asked: dict[str, object]) -> str:
    """Tell tables apart by what they say, in whatever order."""
    return repr(sorted(asked.items()))


def test_paths_are_relative_to_the_file(matrix: Path, tmp_path: Path) -> None:
    found = read_matrix(matrix)
    assert found.models == {"one": tmp_path / "one", "two": tmp_path / "two"}
    assert found.evaluation.text == str(tmp_path / "held.txt")
    assert found.reads() == [tmp_path / "one", tmp_path / "two", tmp_path / "held.txt"]


def test_a_method_is_named_by_what_was_asked_of_it(matrix: Path) -> None:
    methods = '["awq", {method = "gptq", bits = 3, sym = false, act_order = true, prune = "2:4"}]'
    write(matrix, MATRIX.replace('["fp16", {method = "rtn", bits = 8}]', methods))
    plain, pruned = read_matrix(matrix).variants
    assert (plain.name, plain.asked, plain.prune) == ("awq", {}, "")
    assert pruned.name == "gptq-bits3-not_sym-act_order-pruned2of4"
    assert (pruned.asked, pruned.prune) == ({"bits": 3, "sym": False, "act_order": True}, "2:4")


@given(some.lists(METHODS, min_size=1, max_size=8, unique_by=_sorted))
@settings(max_examples=50)
def test_methods_that_differ_have_names_that_differ_and_fit_a_folder(
    tmp_path_factory: pytest.TempPathFactory, methods: list[dict[str, object]]
) -> None:
    place = tmp_path_factory.mktemp("matrix")
    (place / "one").mkdir()
    asked = ", ".join(map(toml, methods))
    write(place / "matrix.toml", f'models = ["one"]\nmethods = [{asked}]\n')
    names = [item.name for item in read_matrix(place / "matrix.toml").variants]
    assert len(set(names)) == len(methods)
    assert not any(set("/: ") & set(name) for name in names)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('["one", "two"]', "[]", "Expected `array` of length >= 1"),
        ('["one", "two"]', '["three"]', "names .*/three, which does not exist"),
        ('["one", "two"]', '["one", "sub/one"]', "two models are named one"),
        ('"fp16"', '"int5"', "unknown method 'int5'"),
        ("bits = 8", "bits = 5", "rtn does not take --bits 5"),
        ("bits = 8", 'bits = "8"', "Expected `int | null`, got `str`"),
        ("bits = 8", "alpha = 0.5", "--alpha is not for rtn"),
        ("bits = 8", "bitz = 8", "unknown field `bitz`"),
        ("bits = 8", 'prune = "../x"', "cannot prune"),
        ('"fp16"', '{method = "rtn", bits = 8}', "two methods are rtn-bits8"),
        ('["onnxruntime"]', '["tensorrt-llm"]', "unknown backend of a sweep 'tensorrt-llm'"),
        ('["onnxruntime"]', '["onnxruntime", "onnxruntime"]', "two backends are onnxruntime"),
        ('"onnxruntime"', '{backend = "onnxruntime", activations = "int4"}', "unknown activations"),
        ("limit = 64", "limit = 0", "Expected `int` >= 1"),
        ("limit = 64", "limits = 64", "unknown field `limits`"),
        ("limit = 64", "limit = 64\n[bench]\ngrid = '8'", "grid"),
        ("limit = 64", "limit = 64\n[bench]\nrepeats = 0", "Expected `int` >= 1"),
        ("[evaluate]", "[evaluate", "is not TOML"),
    ],
)
def test_what_is_wrong_is_named(matrix: Path, before: str, after: str, message: str) -> None:
    assert before in MATRIX
    write(matrix, MATRIX.replace(before, after))
    with pytest.raises(ColdforgeError, match=message):
        read_matrix(matrix)


def write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
