"""`receive` as a closed host runs it, with a stand-in for the tool it lays out."""

import ast
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from coldforge import bootstrap
from coldforge.bootstrap.__main__ import main
from coldforge.bootstrap.index import parse_index
from coldforge.bundle.format.index import encode
from coldforge.bundle.packing.receiver import BESIDE_MODULES
from tests.bootstrap.pythons import VERSIONS, python
from tests.bootstrap.tools import bundle_with_tool
from tests.bundle.bundles import damage, private_key, replace_index, trust
from tests.synced import record_syncs

BESIDE = [Path(str(module.__file__)) for module in BESIDE_MODULES]
SOURCES = [*Path(str(bootstrap.__file__)).parent.glob("*.py"), *BESIDE]
SHIPPED = {module.__name__ for module in BESIDE_MODULES}


class Host:
    """A closed host that somebody brought a bundle to."""

    def __init__(self, root: Path) -> None:
        self.root, self.dest, self.out = root, root / "the dest", root / "a bundle"
        self.index = encode(bundle_with_tool(self.out, root / "in", 100_000, share=0.5))
        self.digest = hashlib.sha256(self.index).hexdigest()
        self.trust = root / "trust.json"
        self.trust.write_bytes(trust("sender").payload)

    def command(self, *words: str, using: str = sys.executable) -> list[str]:
        return [using, str(self.out / "receive"), "--into", str(self.dest), *words]

    def run(self, *words: str, using: str = sys.executable) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self.command(*words, using=using), capture_output=True, text=True, check=False
        )

    def trusting(self, **given: str) -> "subprocess.CompletedProcess[str]":
        return self.run("--trust", str(self.trust), **given)

    def refused(self, done: "subprocess.CompletedProcess[str]", status: int) -> str:
        """Check that it was, in two lines, and that nothing was laid out; return the first."""
        said = done.stderr.splitlines()
        assert done.returncode == status, done.stderr
        assert said[-2].startswith("error: ")
        assert said[-1].startswith(" hint: ")
        assert "ran" not in done.stdout
        for room in ("tool", "versions"):
            assert not list((self.dest / room).glob("*"))
        return said[-2]

    @property
    def version(self) -> Path:
        (found,) = (self.dest / "versions").iterdir()
        return found


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def ran(host: Host, *more: str) -> str:
    words = " ".join(f"<{word}>" for word in ("mirror.receive", str(host.out), *more))
    return f"ran {host.dest}/coldforge/invokew {words}\n"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_signed_bundle_is_handed_to_the_tool_it_carries(host: Host, version: str) -> None:
    if not python(version):
        pytest.skip(f"there is no Python {version} here")
    done = host.trusting(using=python(version))
    assert (done.returncode, done.stdout) == (0, ran(host)), done.stderr
    assert (host.dest / "site/trust.json").read_bytes() == host.trust.read_bytes()
    assert (host.dest / "coldforge").resolve() == host.version
    blobs = list((host.dest / "blobs/sha256").glob("*/*"))
    assert len(blobs) == 3
    assert all(hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name for blob in blobs)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_the_sources_are_python_39_and_import_nothing_else(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"), feature_version=(3, 9))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names.add(str(node.module))
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    ours = {name for name in names if name.startswith("coldforge")}
    assert all(".bootstrap." in name or name in SHIPPED for name in ours)
    assert {name.partition(".")[0] for name in names - ours} <= sys.stdlib_module_names


def test_a_digest_told_by_hand_is_passed_on(host: Host) -> None:
    done = host.run("--digest", host.digest)
    assert done.stdout == ran(host, "--digest", host.digest)
    assert not (host.dest / "site/trust.json").exists()


def test_the_file_of_one_public_key_is_trust_enough(host: Host) -> None:
    key = trust("sender").keys[0]
    host.trust.write_text(f"{key.key} {key.name}\n", "utf-8")
    assert host.trusting().stdout == ran(host)
    kept = json.loads((host.dest / "site/trust.json").read_bytes())
    assert kept["keys"] == [{"key": key.key, "name": "sender"}]


def test_the_trust_of_the_site_need_not_be_given_again(host: Host) -> None:
    host.trusting()
    assert host.run().stdout == ran(host)


def test_another_trust_file_than_the_sites_is_not_taken_silently(host: Host) -> None:
    host.trusting()
    (host.dest / "coldforge").unlink()  # as if it had been killed just before
    host.trust.write_bytes(trust("sender", "other").payload)
    done = host.trusting()
    assert done.returncode == 4
    assert "differs from --trust" in done.stderr


def test_without_trust_nothing_is_run_and_the_digest_is_shown(host: Host) -> None:
    done = host.run()
    said = host.refused(done, 4)
    assert "nothing of it was run" in said
    assert f"bundle {host.digest}" in done.stderr
    assert trust("sender").keys[0].fingerprint in done.stderr
    assert not host.dest.exists()


def test_a_site_that_has_the_tool_runs_its_own(host: Host) -> None:
    own = host.dest / "coldforge" / "invokew"
    own.parent.mkdir(parents=True)
    own.write_text('#!/bin/sh\necho "own $*"\n', "utf-8")
    own.chmod(0o755)
    (host.out / "index.json").write_bytes(b"junk")
    assert host.run().stdout == f"own mirror.receive {host.out}\n"
    done = host.trusting()
    assert done.stdout == f"own mirror.receive {host.out}\n"
    assert "--trust is not used" in done.stderr


def test_a_bundle_that_others_signed_is_refused(host: Host) -> None:
    replace_index(host.out, host.index, "stranger")
    assert "no key of the trust file" in host.refused(host.trusting(), 4)


def test_an_edited_index_is_refused(host: Host) -> None:
    signatures = (host.out / "signatures.json").read_bytes()
    replace_index(host.out, host.index.replace(b'"demo"', b'"d3mo"'), signatures=signatures)
    assert "was changed" in host.refused(host.trusting(), 4)


def test_another_digest_is_refused(host: Host) -> None:
    assert "no index here" in host.refused(host.run("--digest", "0" * 64), 4)


def test_a_link_in_the_folder_is_refused(host: Host) -> None:
    volume = host.out / "volume-001.cfv"
    volume.rename(host.root / "moved")
    volume.symlink_to(host.root / "moved")
    assert "is a link" in host.refused(host.trusting(), 4)


def test_a_missing_trust_file_is_one_line(host: Host) -> None:
    host.trust.unlink()
    assert "cannot read" in host.refused(host.trusting(), 3)


def test_a_missing_volume_is_named(host: Host) -> None:
    (host.out / "volume-001.cfv").unlink()
    (host.out / "parity-001.cfv").unlink()
    assert "volume-001.cfv" in host.refused(host.trusting(), 3)


def test_a_damaged_volume_is_repaired(host: Host) -> None:
    damage(host.out / "volume-001.cfv", (1000, 70_000))
    done = host.trusting()
    assert done.stdout == ran(host), done.stderr
    assert "trying to repair" in done.stderr


def test_a_blob_that_is_there_but_wrong_is_not_run(host: Host) -> None:
    project = json.loads(host.index)["tool"]["project"]
    place = host.dest / "blobs/sha256" / project[:2] / project
    place.parent.mkdir(parents=True)
    place.write_bytes(b"something else")
    assert host.trusting().stdout == ran(host)
    assert hashlib.sha256(place.read_bytes()).hexdigest() == project


def test_a_threshold_is_kept(host: Host) -> None:
    host.trust.write_bytes(trust("sender", "second", threshold=2).payload)
    assert "1 of the 2 signatures" in host.refused(host.trusting(), 4)
    replace_index(host.out, host.index, "sender", "second")
    assert private_key("second")
    assert host.trusting().stdout == ran(host)


def test_help_shows_how(host: Host) -> None:
    done = host.run("--help")
    assert done.returncode == 0
    assert "example: sh receive --into" in done.stdout
    assert "--digest SHA256" in done.stdout


def test_trust_and_digest_exclude_each_other(host: Host) -> None:
    done = host.run("--trust", "x", "--digest", "y")
    assert done.returncode == 2
    assert "not allowed with" in done.stderr


def test_a_dest_that_is_a_file_is_two_lines(host: Host) -> None:
    host.dest.write_text("x", "utf-8")
    done = host.trusting()
    assert done.returncode == 1
    assert [line[:6] for line in done.stderr.splitlines()[-2:]] == ["error:", " hint:"]


def test_a_volume_without_the_tool_is_kept_and_the_next_may_lie_elsewhere(host: Host) -> None:
    elsewhere = host.root / "another disk"
    elsewhere.mkdir()
    (host.out / "volume-001.cfv").rename(elsewhere / "volume-001.cfv")
    said = host.refused(host.trusting(), 3)
    assert "volume-001.cfv" in said
    assert (host.dest / "site" / "trust.json").read_bytes() == host.trust.read_bytes()
    done = host.run(str(elsewhere))
    assert done.stdout == ran(host).replace(str(host.out), str(elsewhere)), done.stderr


def test_killed_at_any_moment_the_same_command_goes_on(host: Host) -> None:
    words = host.command("--trust", str(host.trust))
    for wait in (0.05, 0.1, 0.15, 0.2, 0.3):
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            time.sleep(wait)
            process.send_signal(signal.SIGKILL)
        for blob in (host.dest / "blobs/sha256").glob("*/*"):
            assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    assert host.trusting().stdout == ran(host)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_dest_that_may_not_be_written_is_two_lines(host: Host) -> None:
    host.dest.mkdir(mode=0o500)
    assert "denied" in host.refused(host.trusting(), 1).lower()


@pytest.mark.parametrize(("size", "fits"), [(1 << 20, True), ((1 << 20) + 1, False)])
def test_a_trust_file_is_read_up_to_a_mebibyte(host: Host, size: int, fits: bool) -> None:
    host.trust.write_bytes(host.trust.read_bytes().ljust(size))
    done = host.trusting()
    assert (done.stdout == ran(host)) == fits, done.stderr
    assert f"too large: {size} bytes" in done.stderr or fits


def test_an_endless_trust_file_is_refused(host: Host) -> None:
    done = host.run("--trust", "/dev/zero")
    assert "the trust file is too large" in host.refused(done, 1)


def test_a_blob_is_on_disk_before_it_is_visible(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = record_syncs(monkeypatch)
    monkeypatch.setattr(os, "execv", lambda *_: sys.exit())
    with pytest.raises(SystemExit):
        main(["--into", str(host.dest), "--trust", str(host.trust)], host.out)
    for sha256 in parse_index(host.index).items:
        place = events.index(f"rename {sha256}")
        assert events[place - 1] == f"sync {sha256}.tool"
        assert events[place + 1] == f"sync {sha256[:2]}"
