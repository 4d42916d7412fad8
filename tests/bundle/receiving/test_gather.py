import hashlib
import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from coldforge.bootstrap.folder import scan
from coldforge.bundle.index import Index, encode
from coldforge.bundle.receiving.gather import gather
from coldforge.bundle.receiving.holding import Holdings
from coldforge.bundle.volume import FOOTER
from tests.bundle.carry import bundle, sources, spoil


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return bundle(tmp_path / "out", sources(tmp_path / "in"), split=200_000)


def held(out: Path, index: Index) -> list[int]:
    """Count the files of each data volume."""
    holdings = Holdings(index)
    with ExitStack() as stack:
        gather(scan(out), hashlib.sha256(encode(index)).hexdigest(), holdings, stack)
        return [len(holding.carried) for holding in holdings.of["data"]]


def test_volumes_are_known_whatever_their_files_are_called(tmp_path: Path, index: Index) -> None:
    (tmp_path / "out" / "volume-001.cfv").rename(tmp_path / "out" / "renamed.cfv")
    assert held(tmp_path / "out", index) == [1, 1]


def test_a_damaged_end_leaves_the_name(tmp_path: Path, index: Index) -> None:
    path = tmp_path / "out" / "volume-002.cfv"
    spoil(path, (path.stat().st_size - FOOTER.size, FOOTER.size))
    assert held(tmp_path / "out", index) == [1, 1]


def test_copies_count_each(tmp_path: Path, index: Index) -> None:
    shutil.copy(tmp_path / "out" / "volume-001.cfv", tmp_path / "out" / "again.cfv")
    assert held(tmp_path / "out", index) == [2, 1]


def test_a_volume_of_another_bundle_is_passed_over(
    tmp_path: Path, index: Index, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle(tmp_path / "other", sources(tmp_path / "in", 3))
    shutil.copy(tmp_path / "other" / "volume-001.cfv", tmp_path / "out" / "volume-002.cfv")
    assert held(tmp_path / "out", index) == [1, 0]
    assert "volume-002.cfv is not of this bundle; passed over" in capsys.readouterr().err
