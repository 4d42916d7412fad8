from pathlib import Path

from coldforge.image.build.cache import Cache

ONE = {"epoch": "1", "file build.sh": "a"}
TWO = {"epoch": "1", "file build.sh": "b"}


def test_a_result_is_found_by_exactly_its_description(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    assert cache.get(ONE) is None
    cache.put("base", ONE, {"digest": "sha256:1"})
    assert cache.get(dict(reversed(ONE.items()))) == {"digest": "sha256:1"}
    assert cache.get(TWO) is None
    assert cache.get({"epoch": "1"}) is None


def test_an_older_result_stays(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put("base", ONE, {"digest": "1"})
    cache.put("base", TWO, {"digest": "2"})
    assert cache.get(ONE) == {"digest": "1"}


def test_a_step_never_built_says_so(tmp_path: Path) -> None:
    assert Cache(tmp_path).why("base", ONE) == ["never built here"]


def test_what_changed_since_the_last_build_is_said(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put("wheel/demo", ONE, {})
    assert cache.why("wheel/demo", TWO) == ["file build.sh changed"]
    assert cache.why("wheel/other", TWO) == ["never built here"]


def test_a_removed_result_says_so(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put("base", ONE, {})
    for record in tmp_path.glob("*.json"):
        record.unlink()
    assert cache.get(ONE) is None
    assert cache.why("base", ONE) == ["its result was removed"]


def test_a_damaged_record_counts_as_none(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put("base", ONE, {"digest": "1"})
    for record in tmp_path.rglob("*.json"):
        record.write_bytes(record.read_bytes()[:7])
    assert cache.get(ONE) is None
    assert cache.why("base", ONE) == ["never built here"]


def test_nothing_half_written_lies_about(tmp_path: Path) -> None:
    Cache(tmp_path).put("base", ONE, {"digest": "1"})
    assert sorted(path.suffix for path in tmp_path.rglob("*") if path.is_file()) == [".json"] * 2
