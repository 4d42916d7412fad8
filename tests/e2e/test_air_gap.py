"""The README's air gap: a bundle, and a host with only Python and Docker Engine."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.air_gapped import AirGappedHost, start_air_gapped_host, stop
from tests.e2e.conftest import Cli

pytestmark = [pytest.mark.engine, pytest.mark.network, pytest.mark.timeout(1500)]


@dataclass(frozen=True)
class Receiver:
    """The air-gapped host after `sh receive`."""

    host: AirGappedHost
    bundle: Path
    place: Path

    @property
    def checkout(self) -> Path:
        """Folder of its checkout."""
        return self.place / "coldforge"

    def json(self, *command: str) -> Any:
        """Run a task there with --json and decode its output."""
        done = self.host.run("./invokew", *command, "--json", cwd=self.checkout)
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def bundle(quickstart: Any, cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A bundle of all that a build of stack cpu needs, beside the signer's key."""
    folder = tmp_path_factory.mktemp("media")
    cli.run("mirror.fetch", "--stack", "tool")
    cli.run("key.make", str(folder / "anna"))
    command = ["mirror.bundle", "--stack", "cpu", "--out", str(folder / "a bundle")]
    cli.run(*command, "--sign", str(folder / "anna"), "--split", "150M", "--parity", "10%")
    yield folder / "a bundle"
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def receiver(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """The air-gapped host, with the bundle received."""
    root = tmp_path_factory.mktemp("closed")
    host, daemon = start_air_gapped_host(root)
    place = root / "a site"
    try:
        trust = str(bundle.parent / "anna.pub")
        command = ["sh", str(bundle / "receive"), "--into", str(place), "--trust", trust]
        host.run(*command, cwd=root)
        yield Receiver(host, bundle, place)
    finally:
        stop(host, daemon)
        shutil.rmtree(root, ignore_errors=True)


def test_an_air_gapped_host_builds_the_same_image_and_quantises(
    receiver: Receiver, quickstart: Any, cli: Cli
) -> None:
    assert receiver.host.interfaces() == {"lo"}
    model = receiver.place / "model"
    shutil.copytree(cli.root / "build" / "quickstart" / "model", model)
    built = receiver.json("image.build", "--stack", "cpu")
    assert built["digest"] == cli.json("image.build", "--stack", "cpu")["digest"]
    made = receiver.json("quantize", "--model", str(model), "--out", str(receiver.place / "int4"))
    assert made["digest"] == quickstart["int4"]["digest"]


def test_receiving_the_same_bundle_again_changes_nothing(receiver: Receiver) -> None:
    before = sorted(path.name for path in receiver.place.rglob("*.lock"))
    done = receiver.host.run(
        "./invokew", "mirror.receive", str(receiver.bundle), cwd=receiver.checkout
    )
    assert "already" in done.stdout + done.stderr
    assert sorted(path.name for path in receiver.place.rglob("*.lock")) == before


def test_a_bundle_for_a_complete_receiver_holds_no_blob_of_the_stack(
    receiver: Receiver, cli: Cli, tmp_path: Path
) -> None:
    have = tmp_path / "have.cfh"
    receiver.host.run("./invokew", "mirror.have", "--out", str(have), cwd=receiver.checkout)
    out = tmp_path / "second"
    command = ["mirror.bundle", "--stack", "cpu", "--have", str(have), "--out", str(out)]
    made = cli.json(*command, "--sign", str(receiver.bundle.parent / "anna"))
    assert made["items"] == 0
    assert sum(path.stat().st_size for path in out.iterdir()) < 1_000_000


def test_two_builders_of_the_same_image_both_attest_it(
    receiver: Receiver, cli: Cli, tmp_path: Path
) -> None:
    receiver.json("image.build", "--stack", "cpu")
    anna, ben = str(receiver.bundle.parent / "anna"), str(tmp_path / "ben")
    cli.run("image.attest", "--stack", "cpu", "--key", anna)
    have, out = str(tmp_path / "have.cfh"), str(tmp_path / "evidence")
    receiver.json("mirror.have", "--out", have)
    terms = ["--stack", "cpu", "--for", "install", "--have", have, "--sign", anna]
    assert cli.json("mirror.bundle", *terms, "--out", out)["bytes"] < 1_000_000
    receiver.json("mirror.receive", out)
    receiver.json("key.make", ben)
    receiver.json("key.trust", "--key", f"{ben}.pub")
    wanted = ["image.install", "--stack", "cpu", "--quorum", "2"]
    early = receiver.host.run("./invokew", *wanted, cwd=receiver.checkout, ok=False)
    assert early.returncode != 0
    assert "Traceback" not in early.stderr
    receiver.json("image.attest", "--stack", "cpu", "--key", ben)
    assert receiver.json(*wanted)["generation"] == 1
    assert (
        "FAILED"
        not in receiver.host.run(
            "./invokew", "image.evidence", "--verify", cwd=receiver.checkout
        ).stdout
    )


def test_a_receiver_without_a_mirror_installs_the_built_image(
    receiver: Receiver, cli: Cli, tmp_path: Path
) -> None:
    out, place = tmp_path / "image", tmp_path / "production"
    anna = str(receiver.bundle.parent / "anna")
    terms = ["--stack", "cpu", "--for", "install", "--sign", anna]
    made = cli.json("mirror.bundle", *terms, "--out", str(out))
    command = ["sh", str(out / "receive"), "--into", str(place), "--trust", f"{anna}.pub"]
    receiver.host.run(*command, cwd=tmp_path)
    there = Receiver(receiver.host, out, place)
    assert (
        there.json("image.install", "--stack", "cpu")["digest"]
        in cli.json("image.build", "--stack", "cpu")["digest"]
    )
    assert made["bytes"] < 600_000_000
    checks = there.host.run("./invokew", "image.evidence", "--verify", cwd=there.checkout)
    assert "FAILED" not in checks.stdout
    for folder in (out, place):
        shutil.rmtree(folder)
