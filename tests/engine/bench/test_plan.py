from pathlib import Path
from typing import Any

import pytest

from coldforge.engine.bench.plan import Measuring, plan
from coldforge.errors import ColdforgeError
from tests.engine.rig import folder


def test_engines_of_one_name_are_told_apart_by_their_parents(tmp_path: Path) -> None:
    one, two = folder(tmp_path / "a" / "int4"), folder(tmp_path / "b" / "int4")
    planned = plan([str(one), str(two)], Measuring("8,8"))
    assert planned.names == ("a/int4", "b/int4")
    assert (planned.cells, planned.vocab) == (((8, 8),), 11)
    assert plan([str(one)], Measuring("8,8")).names == ("int4",)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"grid": "8,9"}, "8,9 does not fit engine: it takes 16 tokens"),
        ({"grid": "8"}, "not a pair of lengths"),
        ({"grid": "8,8", "repeats": 0}, "number is too small"),
        ({"grid": "8,8", "batch_size": 0}, "number is too small"),
        ({"grid": "8,8", "warmup": -1}, "number is too small"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    tmp_path: Path, asked: dict[str, Any], said: str
) -> None:
    place = str(folder(tmp_path / "engine"))
    with pytest.raises(ColdforgeError, match=said):
        plan([place], Measuring(**asked))


def test_no_engine_one_twice_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    place = str(folder(tmp_path / "engine"))
    for folders, said in (
        ([], "--engine is missing"),
        ([place, place + "/"], "named twice"),
        ([place, str(tmp_path / "none")], "no such engine"),
    ):
        with pytest.raises(ColdforgeError, match=said):
            plan(folders, Measuring("8,8"))
