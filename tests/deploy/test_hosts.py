from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.deploy.hosts import parse_hosts, read_hosts
from coldforge.errors import ColdforgeError

LIST = """\
# the fleet
ssh://anna@one.example.org:2222  # by key
ssh://two
tcp://three:2376

unix:///run/four.sock
ssh://two/
"""


def test_hosts_are_read_once_each_and_notes_left_out(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text(LIST)
    assert read_hosts(path) == [
        "ssh://anna@one.example.org:2222",
        "ssh://two",
        "tcp://three:2376",
        "unix:///run/four.sock",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "one.example.org",
        "http://one:2375",
        "tcp://one",
        "ssh://-oProxyCommand=x",
        "ssh://-lroot@one",
        "ssh://a b",
        "ssh://user:secret@one",
        "ssh://one;reboot",
        "unix://relative",
    ],
)
def test_a_line_that_is_no_engine_is_named(line: str) -> None:
    with pytest.raises(ColdforgeError, match=r"fleet, line 2: .* is no engine"):
        parse_hosts(f"\n{line}\n", "fleet")


def test_an_empty_or_absent_list_is_said(tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match="No such file"):
        read_hosts(tmp_path / "none")
    (tmp_path / "empty").write_text("# none yet\n")
    with pytest.raises(ColdforgeError, match="lists no host"):
        read_hosts(tmp_path / "empty")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ColdforgeError, match="no UTF-8"):
        read_hosts(tmp_path / "binary")


@given(st.text())
def test_any_text_is_a_list_or_refused(text: str) -> None:
    try:
        hosts = parse_hosts(text, "it")
    except ColdforgeError:
        return
    assert parse_hosts("\n".join(hosts), "it") == hosts
