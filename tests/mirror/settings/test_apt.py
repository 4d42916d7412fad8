from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.errors import ColdforgeError
from coldforge.mirror.settings import apt

STANZAS = """\
Types: deb deb-src
# a comment between fields
URIs: http://one.example.org/debian http://two.example.org/debian/
Suites: bookworm bookworm-updates
Components: main
Signed-By: /keys/debian.gpg

Enabled: no
Types: deb
URIs: http://off.example.org/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://source.example.org/debian
Suites: bookworm
Components: main
"""


def write(root: Path, name: str, text: str) -> None:
    path = root / "etc" / "apt" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def uris(root: Path, environ: dict[str, str] | None = None) -> list[str]:
    return [source.uri for source in apt.archives(root, environ or {})]


def test_one_line_sources_are_read_with_their_options() -> None:
    text = (
        "# deb http://commented.example.org/debian bookworm main\n"
        "deb-src http://source.example.org/debian bookworm main\n"
        "deb [ arch=amd64 signed-by=/k.gpg check-valid-until=no ] http://a.example.org/d b m # x\n"
        "deb http://b.example.org/debian bullseye main contrib\n"
    )
    assert apt.parse_list(text) == [
        apt.AptSource("http://a.example.org/d", ("b",), "/k.gpg", check_valid_until=False),
        apt.AptSource("http://b.example.org/debian", ("bullseye",)),
    ]


def test_stanzas_give_every_uri_and_disabled_ones_are_skipped() -> None:
    suites = ("bookworm", "bookworm-updates")
    assert apt.parse_sources(STANZAS) == [
        apt.AptSource("http://one.example.org/debian", suites, "/keys/debian.gpg"),
        apt.AptSource("http://two.example.org/debian/", suites, "/keys/debian.gpg"),
    ]


def test_an_armoured_key_in_a_stanza_is_kept_whole() -> None:
    text = (
        "Types: deb\nURIs: http://a.example.org/d\nSuites: b\nSigned-By:\n -----BEGIN PGP\n .\n x\n"
    )
    assert apt.parse_sources(text)[0].signed_by.splitlines()[1:] == [" .", " x"]


def test_archives_come_in_apts_order_each_once(tmp_path: Path) -> None:
    write(tmp_path, "sources.list", "deb http://z.example.org/debian bookworm main\n")
    write(tmp_path, "sources.list.d/b.list", "deb http://a.example.org/debian bookworm main\n")
    write(tmp_path, "sources.list.d/a.sources", STANZAS)
    write(tmp_path, "sources.list.d/c.list", "deb http://z.example.org/debian/ bullseye main\n")
    write(tmp_path, "sources.list.d/d.list.save", "deb http://old.example.org/debian b main\n")
    assert uris(tmp_path) == [
        "http://z.example.org/debian",
        "http://one.example.org/debian",
        "http://two.example.org/debian",
        "http://a.example.org/debian",
    ]
    assert apt.archives(tmp_path, {})[0].suites == ("bookworm", "bullseye")


def test_the_environment_names_archives_that_come_first(tmp_path: Path) -> None:
    write(tmp_path, "sources.list", "deb http://a.example.org/debian bookworm main\n")
    environ = {apt.OVERRIDE: "https://mine.example.org/debian/ file:/srv/debian"}
    assert uris(tmp_path, environ) == [
        "https://mine.example.org/debian",
        "file:///srv/debian",
        "http://a.example.org/debian",
    ]
    assert [source.override for source in apt.archives(tmp_path, environ)] == [True, True, False]


def test_a_mirror_list_on_disk_is_opened(tmp_path: Path) -> None:
    write(tmp_path, "sources.list", "deb mirror+file:/etc/apt/mirrors/debian.list bookworm main\n")
    listed = "# best first\nhttp://m1.example.org/debian/\tpriority:1\n\nmirror+file:/etc/apt/x\n"
    write(tmp_path, "mirrors/debian.list", listed)
    assert uris(tmp_path) == ["http://m1.example.org/debian"]


@pytest.mark.parametrize("uri", ["cdrom:[Debian]/", "tor+http://x.example.org/debian", "ftp://x"])
def test_what_we_cannot_read_from_is_left_out(tmp_path: Path, uri: str) -> None:
    write(tmp_path, "sources.list", f"deb {uri} bookworm main\n")
    assert apt.configured(tmp_path, {}) == []


def test_a_flat_archive_is_left_out() -> None:
    assert apt.parse_list("deb http://a.example.org/debs ./\n") == []


def test_no_archive_at_all_is_an_error_that_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError) as caught:
        apt.archives(tmp_path, {})
    assert apt.OVERRIDE in caught.value.hint


def test_options_are_read_whatever_their_case() -> None:
    dump = 'Acquire::Check-Valid-Until "False";\nAcquire::http::Proxy "http://p.example.org";\n'
    settings = apt.parse_options(dump)
    assert apt.is_off(settings["acquire::check-valid-until"])
    proxy = "http://p.example.org"
    assert apt.proxies(settings) == {"http": proxy, "https": proxy}
    assert apt.proxies({}) == {}


@given(st.text())
def test_any_text_is_read_without_a_traceback(text: str) -> None:
    apt.parse_list(text)
    apt.parse_sources(text)
    apt.parse_options(text)
