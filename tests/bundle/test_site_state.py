from pathlib import Path

import pytest

from coldforge.bundle.site_state import alone, ledger_path, staging_path
from coldforge.errors import ColdforgeError
from coldforge.paths import Workspace


def test_a_second_receive_is_kept_out_until_the_first_ends(tmp_path: Path) -> None:
    space = Workspace(tmp_path)
    with alone(space), pytest.raises(ColdforgeError, match="under way here"), alone(space):
        pass
    with alone(space):
        pass


def test_what_a_site_keeps_is_in_its_folder(tmp_path: Path) -> None:
    space = Workspace(tmp_path)
    assert ledger_path(space).parent == space.site
    assert staging_path(space, "abc").parent == staging_path(space)
