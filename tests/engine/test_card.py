import json
from pathlib import Path

import pytest

from coldforge.engine.card import KEYS, read_engine
from coldforge.errors import ColdforgeError
from tests.engine.rig import folder


def test_equal_files_have_an_equal_digest_and_every_byte_is_counted(tmp_path: Path) -> None:
    one, two = read_engine(folder(tmp_path / "one")), read_engine(folder(tmp_path / "two"))
    other = read_engine(folder(tmp_path / "other", positions=32))
    assert one.card["digest"] == two.card["digest"] != other.card["digest"]
    assert one.card["disk_bytes"] == (one.folder / "config.json").stat().st_size


@pytest.mark.parametrize("key", sorted(KEYS))
def test_a_card_that_does_not_say_all_is_refused(tmp_path: Path, key: str) -> None:
    place = folder(tmp_path / "engine") / "coldforge.json"
    card = json.loads(place.read_text("utf-8"))
    del card[key]
    place.write_text(json.dumps(card), "utf-8")
    with pytest.raises(ColdforgeError, match=f"has no {key}"):
        read_engine(place.parent)


def test_what_is_no_engine_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    place = folder(tmp_path / "engine")
    with pytest.raises(ColdforgeError, match="no such engine"):
        read_engine(tmp_path / "none")
    (place / "config.json").unlink()
    with pytest.raises(ColdforgeError, match=r"lacks config\.json"):
        read_engine(place)
    (place / "coldforge.json").write_text("{", "utf-8")
    with pytest.raises(ColdforgeError, match="is not an engine"):
        read_engine(place)
