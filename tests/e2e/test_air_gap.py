"""The README's other story: a bundle, a closed side with nothing but Python and an engine."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.closed import Closed, close, open_closed_side
from tests.e2e.conftest import Cli

pytestmark = [pytest.mark.engine, pytest.mark.network, pytest.mark.timeout(1500)]


@dataclass(frozen=True)
class Site:
    """The closed side after `sh receive`."""

    closed: Closed
    bundle: Path
    place: Path

    @property
    def checkout(self) -> Path:
        """Where its commands are run."""
        return self.place / "coldforge"

    def json(self, *command: str) -> Any:
        """Run a task there and read what it printed."""
        done = self.closed.run("./invokew", *command, "--json", cwd=self.checkout)
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def bundle(quickstart: Any, cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A bundle of everything that building stack cpu needs, and beside it the signer's key."""
    folder = tmp_path_factory.mktemp("media")
    cli.run("mirror.fetch", "--stack", "tool")
    cli.run("key.make", str(folder / "anna"))
    command = ["mirror.bundle", "--stack", "cpu", "--out", str(folder / "a bundle")]
    cli.run(*command, "--sign", str(folder / "anna"), "--split", "150M", "--parity", "10%")
    yield folder / "a bundle"
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def site(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The closed side, with the bundle received."""
    root = tmp_path_factory.mktemp("closed")
    closed, daemon = open_closed_side(root)
    place = root / "a site"
    try:
        trust = str(bundle.parent / "anna.pub")
        command = ["sh", str(bundle / "receive"), "--into", str(place), "--trust", trust]
        closed.run(*command, cwd=root)
        yield Site(closed, bundle, place)
    finally:
        close(closed, daemon)
        shutil.rmtree(root, ignore_errors=True)


def test_the_closed_side_builds_the_same_image_and_quantises_without_a_network(
    site: Site, quickstart: Any, cli: Cli
) -> None:
    assert site.closed.interfaces() == {"lo"}
    model = site.place / "model"
    shutil.copytree(cli.root / "build" / "quickstart" / "model", model)
    built = site.json("image.build", "--stack", "cpu")
    assert built["digest"] == cli.json("image.build", "--stack", "cpu")["digest"]
    made = site.json("quantize", "--model", str(model), "--out", str(site.place / "int4"))
    assert made["digest"] == quickstart["int4"]["digest"]


def test_the_same_bundle_once_more_changes_nothing(site: Site) -> None:
    before = sorted(path.name for path in site.place.rglob("*.lock"))
    done = site.closed.run("./invokew", "mirror.receive", str(site.bundle), cwd=site.checkout)
    assert "already" in done.stdout + done.stderr
    assert sorted(path.name for path in site.place.rglob("*.lock")) == before


def test_a_second_bundle_for_what_the_site_has_holds_no_blob_of_the_stack(
    site: Site, cli: Cli, tmp_path: Path
) -> None:
    have = tmp_path / "have.cfh"
    site.closed.run("./invokew", "mirror.have", "--out", str(have), cwd=site.checkout)
    out = tmp_path / "second"
    command = ["mirror.bundle", "--stack", "cpu", "--have", str(have), "--out", str(out)]
    made = cli.json(*command, "--sign", str(site.bundle.parent / "anna"))
    assert made["items"] == 0
    assert sum(path.stat().st_size for path in out.iterdir()) < 1_000_000


def test_two_sides_that_built_the_same_image_both_vouch_for_it(
    site: Site, cli: Cli, tmp_path: Path
) -> None:
    site.json("image.build", "--stack", "cpu")
    anna, ben = str(site.bundle.parent / "anna"), str(tmp_path / "ben")
    cli.run("image.attest", "--stack", "cpu", "--key", anna)
    have, out = str(tmp_path / "have.cfh"), str(tmp_path / "evidence")
    site.json("mirror.have", "--out", have)
    terms = ["--stack", "cpu", "--for", "install", "--have", have, "--sign", anna]
    assert cli.json("mirror.bundle", *terms, "--out", out)["bytes"] < 1_000_000
    site.json("mirror.receive", out)
    site.json("key.make", ben)
    site.json("key.trust", "--key", f"{ben}.pub")
    wanted = ["image.install", "--stack", "cpu", "--quorum", "2"]
    early = site.closed.run("./invokew", *wanted, cwd=site.checkout, ok=False)
    assert early.returncode != 0
    assert "Traceback" not in early.stderr
    site.json("image.attest", "--stack", "cpu", "--key", ben)
    assert site.json(*wanted)["generation"] == 1
    assert (
        "FAILED"
        not in site.closed.run("./invokew", "image.evidence", "--verify", cwd=site.checkout).stdout
    )


def test_a_place_without_a_mirror_installs_the_finished_image(
    site: Site, cli: Cli, tmp_path: Path
) -> None:
    out, place = tmp_path / "image", tmp_path / "production"
    anna = str(site.bundle.parent / "anna")
    terms = ["--stack", "cpu", "--for", "install", "--sign", anna]
    made = cli.json("mirror.bundle", *terms, "--out", str(out))
    command = ["sh", str(out / "receive"), "--into", str(place), "--trust", f"{anna}.pub"]
    site.closed.run(*command, cwd=tmp_path)
    there = Site(site.closed, out, place)
    assert (
        there.json("image.install", "--stack", "cpu")["digest"]
        in cli.json("image.build", "--stack", "cpu")["digest"]
    )
    assert made["bytes"] < 600_000_000
    checks = there.closed.run("./invokew", "image.evidence", "--verify", cwd=there.checkout)
    assert "FAILED" not in checks.stdout
    for folder in (out, place):
        shutil.rmtree(folder)
