import hashlib
import lzma
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from coldforge.mirror.origins.debian import resolve as debian
from coldforge.mirror.origins.debian.inrelease import Rules
from coldforge.mirror.origins.debian.resolve import DebianLocator, resolve_debian
from coldforge.mirror.settings import apt
from coldforge.mirror.settings.apt import AptSource
from coldforge.paths import Workspace
from coldforge.progress import say
from coldforge.stack.lock import Entry
from coldforge.stack.stack import Debian, Suite, read_stack

REPOSITORY = Path(__file__).parents[4]
NEW = ("dash: Essential: yes", "tool 2: Depends: libc", "libc 2:", "gcc-base 12:")
OLD = ("gcc 10: Depends: gcc-base (= 10), libc", "gcc-base 10:", "libc 1:")
STACK = Debian([Suite("new"), Suite("old")])
ASKED = {"base": ["tool"], "toolchain": ["gcc/old"], "python": []}


def index(lines: tuple[str, ...], suite: str) -> bytes:
    """Write `name version: Field: value` lines as a packed index."""
    paragraphs = []
    for line in lines:
        head, _, field = line.partition(":")
        name, _, version = head.partition(" ")
        version = version or "1"
        path = f"pool/main/{name}_{version}_amd64.deb"
        sha256 = hashlib.sha256(path.encode()).hexdigest()
        paragraphs.append(
            f"Package: {name}\nVersion: {version}\nArchitecture: amd64\n{field.strip() or 'X: y'}\n"
            f"Filename: {path}\nSize: {len(name)}\nSHA256: {sha256}\n"
        )
    return lzma.compress("\n".join(paragraphs).encode())


def publish(root: Path, signer: Any, suite: str, lines: tuple[str, ...]) -> None:
    packed = index(lines, suite)
    folder = root / "dists" / suite
    (folder / "main/binary-amd64").mkdir(parents=True, exist_ok=True)
    (folder / "main/binary-amd64/Packages.xz").write_bytes(packed)
    line = f" {hashlib.sha256(packed).hexdigest()} {len(packed)} main/binary-amd64/Packages.xz\n"
    text = f"Origin: Debian\nCodename: {suite}\nVersion: 1\nDate: today\nSHA256:\n{line}"
    (folder / "InRelease").write_bytes(signer.sign(text))


@pytest.fixture
def host(tmp_path: Path, signer: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host whose only archive is a signed folder."""
    root = tmp_path / "archive"
    publish(root, signer, "new", NEW)
    publish(root, signer, "old", OLD)
    found = [AptSource(f"file://{root}", signed_by=str(signer.keyring))]
    monkeypatch.setattr(apt, "archives", lambda: found)
    return root


def resolve(
    cache: Path, previous: list[Entry] | None = None, update: set[str] | None = None
) -> list[Entry]:
    return resolve_debian(STACK, ASKED, previous or [], update or set(), cache)[0]


def versions(entries: list[Entry]) -> list[str]:
    return [f"{item.use} {item.name} {item.version} {item.suite}" for item in entries]


def test_requests_become_entries_of_the_layer_that_first_needs_them(
    host: Path, tmp_path: Path
) -> None:
    entries, releases = resolve_debian(STACK, ASKED, [], set(), tmp_path / "cache")
    assert versions(entries) == [
        "base dash 1 new",
        "base libc 2 new",
        "base tool 2 new",
        "toolchain gcc 10 old",
        "toolchain gcc-base 10 old",
    ]
    path = "pool/main/gcc_10_amd64.deb"
    sha256 = hashlib.sha256(path.encode()).hexdigest()
    assert entries[3] == Entry("toolchain", "debian", "gcc", "10", path, 3, sha256, "old")
    assert [release.suite for release in releases] == ["new", "old"]
    assert "file:" not in repr((entries, releases))


def test_locking_again_is_the_same_and_update_moves_only_what_it_names(
    host: Path, tmp_path: Path, signer: Any
) -> None:
    locked = resolve(tmp_path)
    assert resolve(tmp_path, locked) == locked
    publish(host, signer, "new", (*NEW, "tool 3: Depends: libc", "libc 3:"))
    assert resolve(tmp_path, locked) == locked
    moved = versions(resolve(tmp_path, locked, {"tool"}))
    assert moved[1:3] == ["base libc 2 new", "base tool 3 new"]
    moved = versions(resolve(tmp_path, locked, {"*"}))
    assert moved[1:3] == ["base libc 3 new", "base tool 3 new"]


def test_a_stack_that_asks_for_nothing_reads_no_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apt, "archives", lambda: pytest.fail("asked for archives"))
    assert resolve_debian(STACK, {"base": []}, [], set(), tmp_path) == ([], [])


def test_the_users_apt_options_decide_about_stale_releases(
    host: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Rules] = []
    real = debian.find_suite
    monkeypatch.setattr(
        debian, "find_suite", lambda *given: (seen.append(given[-1]), real(*given))[1]
    )
    for dump in ('Acquire::Check-Valid-Until "false";', ""):
        settings = apt.parse_options(dump)
        monkeypatch.setattr(apt, "options", lambda settings=settings: settings)
        resolve(tmp_path)
    assert [rules.check_valid_until for rules in seen] == [False, False, True, True]


def test_candidates_are_every_archive_those_with_the_suite_first() -> None:
    entry = Entry("base", "debian", "a", "1", "pool/main/a/a_1_amd64.deb", 1, "0" * 64, "old")
    sources = [
        AptSource("http://a.example.org/debian", ("new",)),
        AptSource("http://user:secret@b.example.org/debian", ("old",)),
    ]
    assert DebianLocator(sources).candidates(entry) == [
        "http://user:secret@b.example.org/debian/pool/main/a/a_1_amd64.deb",
        "http://a.example.org/debian/pool/main/a/a_1_amd64.deb",
    ]


def test_without_an_archive_there_are_no_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Entry("base", "debian", "a", "1", "pool/a.deb", 1, "0" * 64, "new")
    monkeypatch.setattr(apt, "configured", list)
    assert DebianLocator().candidates(entry) == []
    other = Entry("base", "python", "a", "1", "a.whl", 1, "0" * 64)
    assert DebianLocator([AptSource("http://a.example.org")]).candidates(other) == []


@pytest.mark.network
def test_the_cpu_stack_resolves_against_the_users_archive(tmp_path: Path) -> None:
    stack = read_stack(Workspace(REPOSITORY), "cpu")
    assert stack.file.debian
    asked = {name: layer.inputs.debian for name, layer in stack.layers.items()}
    cache = tmp_path / "cache"
    entries, releases = resolve_debian(stack.file.debian, asked, [], set(), cache)
    for use in asked:
        mine = [entry for entry in entries if entry.use == use]
        say(f"{use}: {len(mine)} packages, {sum(entry.size for entry in mine):,} bytes")
    found = {entry.name: entry for entry in entries}
    assert (found["gcc-10"].version, found["gcc-10"].suite) == ("10.2.1-6", "bullseye")
    assert found["python3.11"].use == "base"
    assert [release.suite for release in releases] == ["bookworm", "bullseye"]
    assert resolve_debian(stack.file.debian, asked, entries, set(), cache)[0] == entries
    if shutil.which("apt-get"):
        assert apt_accepts(entries, cache, tmp_path) == ""


def apt_accepts(entries: list[Entry], cache: Path, folder: Path) -> str:
    """Let apt check the packages as if they were installed; return what it has against them."""
    wanted = {entry.sha256 for entry in entries}
    status = []
    for packed in cache.iterdir():
        for paragraph in lzma.decompress(packed.read_bytes()).decode().split("\n\n"):
            digest = re.search(r"^SHA256: (\w+)$", paragraph, re.MULTILINE)
            if digest and digest[1] in wanted:
                wanted.remove(digest[1])
                status.append(f"Status: install ok installed\n{paragraph.strip()}\n")
    assert not wanted
    (folder / "status").write_text("\n".join(status))
    (folder / "state/lists/partial").mkdir(parents=True)
    (folder / "cache/archives/partial").mkdir(parents=True)
    options = {
        "Dir::Etc": folder,
        "Dir::State": folder / "state",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "APT::Architecture": "amd64",
        "APT::Architectures": "amd64",
        "Debug::NoLocking": "true",
    }
    words = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    result = subprocess.run(
        ["apt-get", *words, "--quiet=2", "check"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "APT_CONFIG": os.devnull, "LC_ALL": "C.UTF-8"},
    )
    return result.stdout + result.stderr if result.returncode else ""
