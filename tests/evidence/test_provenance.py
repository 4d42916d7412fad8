import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from coldforge.evidence import generate, provenance
from coldforge.evidence.provenance import folder_hash
from coldforge.paths import Workspace
from tests.evidence.conftest import Image, made


@pytest.fixture
def statement(image: Image) -> dict[str, Any]:
    documents = generate.documents(image.context, image.subject)
    told: dict[str, Any] = json.loads(documents[provenance.MEDIA_TYPE])
    return told


def test_it_is_a_statement_on_this_image(statement: dict[str, Any], image: Image) -> None:
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert statement["subject"] == [{"name": "trio", "digest": {"sha256": image.subject.sha256}}]


def test_recipes_lock_and_inputs_are_what_it_was_built_from(
    statement: dict[str, Any], image: Image
) -> None:
    needs = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    names = [item["name"] for item in needs]
    assert names[:9] == [
        "checkout",
        "docker/layers/base",
        "docker/layers/python",
        "docker/layers/top",
        "docker/stacks/trio.toml",
        "offline-mirror/trio.lock",
        "top.txt",
        "wheels/build.py",
        "wheels/demo",
    ]
    lock = {e.path.rpartition("/")[2]: {"sha256": e.sha256} for e in image.context.lock.entries}
    assert {item["name"]: item["digest"] for item in needs[9:]} == lock


def test_layers_wheels_and_sboms_are_what_came_of_it(
    statement: dict[str, Any], image: Image
) -> None:
    products = statement["predicate"]["runDetails"]["byproducts"]
    assert [item["name"] for item in products] == [
        "layer/base",
        "layer/python",
        "layer/top",
        "wheel/demo",
        "sbom/sbom.cdx.json",
        "sbom/sbom.spdx.json",
    ]
    layers = [layer["digest"] for layer in image.layout.read(image.digest)["layers"]]
    assert [f"sha256:{item['digest']['sha256']}" for item in products[:3]] == layers


def test_a_commit_is_a_digest_and_what_differs_from_one_is_not(
    workspace: Workspace, statement: dict[str, Any]
) -> None:
    checkout = statement["predicate"]["buildDefinition"]["resolvedDependencies"][0]
    assert checkout == {"name": "checkout", "uri": "pkg:generic/coldforge@unknown"}
    (workspace.root / "REVISION").write_text("a" * 40, "utf-8")
    image = made(workspace)
    told = json.loads(generate.documents(image.context, image.subject)[provenance.MEDIA_TYPE])
    checkout = told["predicate"]["buildDefinition"]["resolvedDependencies"][0]
    assert checkout["digest"] == {"gitCommit": "a" * 40}


def test_a_folder_s_hash_is_that_of_its_files_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c").write_bytes(b"2")
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "x.pyc").write_bytes(b"3")
    lines = [
        f"{hashlib.sha256(data).hexdigest()}  {name}\n"
        for name, data in (("a", b"1"), ("b/c", b"2"))
    ]
    assert folder_hash(tmp_path) == hashlib.sha256("".join(lines).encode()).hexdigest()


def test_nothing_of_the_host_is_in_any_document(
    image: Image, tmp_path: Path, checkout: Path
) -> None:
    whole = b"".join(generate.documents(image.context, image.subject).values()).decode()
    host = (str(tmp_path), str(Path.home()), str(checkout), os.uname().nodename)
    assert [word for word in host if word in whole] == []


ELSEWHERE = """
import hashlib, sys, pathlib
from coldforge.evidence import generate
from coldforge.paths import Workspace
from tests.evidence.conftest import made
from tests.conftest import LAYER, STACK
space = Workspace(pathlib.Path(sys.argv[1]))
for folder in (space.stacks, space.layers / "hello", space.wheels, space.mirror):
    folder.mkdir(parents=True)
image = made(space)
for data in generate.documents(image.context, image.subject).values():
    print(hashlib.sha256(data).hexdigest())
"""


def test_elsewhere_every_document_is_the_same(image: Image, tmp_path: Path, checkout: Path) -> None:
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONHASHSEED": "7",
        "PYTHONPATH": f"{checkout}:{checkout / 'src'}",
        "TZ": "Asia/Tokyo",
        "HOME": str(tmp_path),
        "LC_ALL": "C",
    }
    command = [sys.executable, "-c", ELSEWHERE, str(tmp_path / "other" / "place")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    here = generate.documents(image.context, image.subject).values()
    assert done.stdout.split() == [hashlib.sha256(data).hexdigest() for data in here]
