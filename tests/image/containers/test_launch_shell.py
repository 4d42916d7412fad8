import io
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from coldforge.errors import ColdforgeError
from coldforge.image.containers.launch import shell


def test_without_a_terminal_there_is_no_shell(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    client = MagicMock()
    with pytest.raises(ColdforgeError, match="a shell needs a terminal"):
        shell(client, "cpu", tmp_path)
    client.containers.create.assert_not_called()
