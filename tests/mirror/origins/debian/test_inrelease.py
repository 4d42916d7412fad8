import gzip
import hashlib
import lzma
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.mirror.origins.debian import inrelease as release
from coldforge.mirror.origins.debian.archive import FetchError
from coldforge.mirror.origins.debian.inrelease import Rules
from coldforge.mirror.settings.apt import OVERRIDE, AptSource
from coldforge.stack.stack import Suite

PACKAGES = b"Package: a\nVersion: 1\n"
INDEX = lzma.compress(PACKAGES)
NAME = "main/binary-amd64/Packages"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
SUITE = Suite("test")


def text_of(files: dict[str, bytes], **fields: str) -> str:
    told = {"Origin": "Debian", "Suite": "stable", "Codename": "test", "Version": "1.1", **fields}
    lines = [f"{key.replace('_', '-')}: {value}" for key, value in told.items()]
    lines += ["MD5Sum:", " 00 1 ignored", "SHA256:"]
    lines += [f" {hashlib.sha256(b).hexdigest()} {len(b):8} {name}" for name, b in files.items()]
    return "\n".join(lines) + "\n"


class Web:
    """Archives in memory."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files, self.asked = files, list[str]()

    def get(self, url: str, limit: int, advance: Callable[[int], None]) -> bytes:
        self.asked.append(url)
        if url not in self.files:
            raise FetchError("HTTP 404")
        advance(len(self.files[url]))
        return self.files[url]


class Archive:
    """Signs archives into a Web and finds suites in them."""

    def __init__(self, signer: Any) -> None:
        self.signer, self.web = signer, Web({})
        self.rules = Rules((signer.keyring,), now=NOW)

    def add(self, uri: str, index: bytes = INDEX, suffix: str = ".xz", **fields: str) -> None:
        signed = self.signer.sign(text_of({NAME + suffix: index}, **fields))
        self.web.files[f"{uri}/dists/test/InRelease"] = signed
        self.web.files[f"{uri}/dists/test/{NAME}{suffix}"] = index

    def find(self, *sources: AptSource) -> release.SignedSuite:
        return release.find_suite(sources, SUITE, "amd64", self.web.get, self.rules)

    def read(self, found: release.SignedSuite, cache: Path) -> str:
        return release.read_index(found, "main", "amd64", cache, self.web.get)


@pytest.fixture
def archive(signer: Any) -> Archive:
    return Archive(signer)


A, B = AptSource("http://a.example.org"), AptSource("http://b.example.org")


def test_the_first_archive_with_the_suite_is_taken(archive: Archive) -> None:
    archive.add(B.uri, Date="Sat, 11 Jul 2026 10:16:37 UTC")
    found = archive.find(A, B)
    inrelease = archive.web.files[f"{B.uri}/dists/test/InRelease"]
    assert found.source == B
    assert found.release() == release.Release(
        "test",
        "1.1",
        "Sat, 11 Jul 2026 10:16:37 UTC",
        hashlib.sha256(inrelease).hexdigest(),
    )


def test_archives_configured_for_the_suite_are_asked_first(archive: Archive) -> None:
    here = msgspec.structs.replace(B, suites=("other", "test"))
    named = AptSource("http://c.example.org", override=True)
    assert release.by_suite([A, here, named], "test") == [named, here, A]


def test_another_publishers_suite_of_that_name_is_passed_over(archive: Archive) -> None:
    archive.add(A.uri, Origin="Somebody")
    archive.add(B.uri)
    assert archive.find(A, B).source == B
    assert archive.find(A).source == A
    named = msgspec.structs.replace(A, override=True)
    assert archive.find(named, B).source == named


def test_an_archive_without_the_component_is_passed_over(archive: Archive) -> None:
    archive.web.files[f"{A.uri}/dists/test/InRelease"] = archive.signer.sign(text_of({"x": b""}))
    archive.add(B.uri)
    assert archive.find(A, B).source == B


def test_a_changed_byte_is_refused_and_an_honest_archive_taken(archive: Archive) -> None:
    archive.add(A.uri)
    path = f"{A.uri}/dists/test/InRelease"
    archive.web.files[path] = archive.web.files[path].replace(b"Version: 1.1", b"Version: 1.2")
    with pytest.raises(ColdforgeError, match=r"a\.example\.org: .*changed after signing"):
        archive.find(A)
    archive.add(B.uri)
    assert archive.find(A, B).source == B


def test_no_archive_names_each_that_was_asked_without_credentials(archive: Archive) -> None:
    with pytest.raises(ColdforgeError) as caught:
        archive.find(AptSource("http://user:secret@c.example.org"), B)
    assert "c.example.org: HTTP 404; http://b.example.org: HTTP 404" in caught.value.message
    assert "secret" not in caught.value.message
    assert OVERRIDE in caught.value.hint


def test_a_missing_keyring_stops_the_search(archive: Archive, tmp_path: Path) -> None:
    archive.add(A.uri)
    archive.rules = Rules((tmp_path / "none.gpg",))
    with pytest.raises(MissingInputError):
        archive.find(A, B)


def test_a_stale_release_is_refused_unless_told_otherwise(archive: Archive) -> None:
    archive.add(A.uri, Valid_Until="Thu, 01 Jan 2026 23:59:59 UTC")
    with pytest.raises(ColdforgeError, match="was valid until Thu, 01 Jan 2026"):
        archive.find(A)
    lenient = msgspec.structs.replace(A, check_valid_until=False)
    assert archive.find(lenient).source == lenient
    archive.rules = Rules(archive.rules.keyrings, check_valid_until=False, now=NOW)
    assert archive.find(A).source == A


def test_a_release_is_good_until_its_last_second() -> None:
    file = release.parse_release(text_of({}, Valid_Until="Fri, 02 Jan 2026 00:00:00 UTC"))
    release.check_release(file, "test", True, NOW)
    release.check_release(file, "stable", True, NOW)
    with pytest.raises(ColdforgeError):
        release.check_release(file, "test", True, NOW.replace(second=1))


def test_a_release_of_another_suite_is_refused(archive: Archive) -> None:
    archive.add(A.uri, Codename="elder", Suite="oldstable")
    with pytest.raises(ColdforgeError, match="is of elder or oldstable, not of test"):
        archive.find(A)


def test_a_date_nobody_can_read_is_one_line() -> None:
    file = release.parse_release(text_of({}, Valid_Until="soon"))
    with pytest.raises(ColdforgeError, match="not a date: soon"):
        release.check_release(file, "test", True, NOW)


@pytest.mark.parametrize(
    ("suffix", "pack"), [(".xz", lzma.compress), (".gz", gzip.compress), ("", bytes)]
)
def test_an_index_is_read_however_it_is_packed(
    archive: Archive, tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    archive.add(A.uri, pack(PACKAGES), suffix)
    assert archive.read(archive.find(A), tmp_path) == PACKAGES.decode()


def test_an_index_that_is_not_the_signed_one_is_refused(archive: Archive, tmp_path: Path) -> None:
    archive.add(A.uri)
    archive.web.files[f"{A.uri}/dists/test/{NAME}.xz"] = INDEX[:-1] + b"?"
    with pytest.raises(ColdforgeError, match="not what its signed Release says") as caught:
        archive.read(archive.find(A), tmp_path / "cache")
    assert "try again" in caught.value.hint
    assert not (tmp_path / "cache").exists()


def test_a_verified_index_is_kept_and_a_damaged_copy_fetched_anew(
    archive: Archive, tmp_path: Path
) -> None:
    archive.add(A.uri)
    found = archive.find(A)
    archive.read(found, tmp_path)
    asked = len(archive.web.asked)
    assert archive.read(found, tmp_path) == PACKAGES.decode()
    assert len(archive.web.asked) == asked
    kept = tmp_path / hashlib.sha256(INDEX).hexdigest()
    kept.write_bytes(b"damaged")
    assert archive.read(found, tmp_path) == PACKAGES.decode()
    assert kept.read_bytes() == INDEX


def test_a_signed_index_that_does_not_unpack_is_one_line(archive: Archive, tmp_path: Path) -> None:
    archive.add(A.uri, b"not xz")
    with pytest.raises(ColdforgeError, match="damaged"):
        archive.read(archive.find(A), tmp_path)


def test_a_bad_line_of_digests_is_named() -> None:
    with pytest.raises(ColdforgeError, match="bad line: zz 1 main"):
        release.parse_release("SHA256:\n zz 1 main\n")


@given(st.text())
def test_any_release_text_parses_or_is_one_line(text: str) -> None:
    try:
        release.parse_release(text)
    except ColdforgeError as error:
        assert "\n" not in error.message
