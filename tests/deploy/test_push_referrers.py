import json
from pathlib import Path

import pytest

from coldforge.deploy.image import StoredImage
from coldforge.deploy.push import push
from coldforge.deploy.target import PushTarget
from coldforge.errors import ColdforgeError
from coldforge.image.oci.layout import Layout
from tests.deploy.conftest import Make, digest_of
from tests.deploy.pushing import SMALL
from tests.deploy.registry_server import INDEX, Shelf

SBOM = "application/vnd.cyclonedx+json"


def with_evidence(layout: Layout, made: StoredImage) -> list[str]:
    """Refer to an image twice, and once to what refers to it; return the manifests."""
    sbom = layout.refer(made.manifest, SBOM, SBOM, b'{"bom": 1}')
    note = layout.refer(made.manifest, "text/plain", "text/plain", b"note", {"by": "anna"})
    about = layout.refer(sbom, "text/plain", "text/plain", b"about the bom")
    return [sbom.digest, note.digest, about.digest]


def test_what_refers_to_the_image_goes_along_and_before_the_tag(
    shelf: Shelf, image: Make, layout: Layout, target: PushTarget, notes: Path
) -> None:
    made = image(SMALL)
    evidence = with_evidence(layout, made)
    assert push(made, target, notes).referrers == 3
    assert shelf.put[0] == made.manifest.digest
    assert set(shelf.put[1:-1]) == set(evidence)
    assert shelf.put[-1] == "1"
    assert digest_of(b"about the bom") in shelf.blobs["team/demo"]
    again = push(made, target, notes)
    assert (again.referrers, again.sent) == (0, 0)


def test_a_registry_without_referrers_gets_them_as_an_index_under_a_tag(
    shelf: Shelf, image: Make, layout: Layout, target: PushTarget, notes: Path
) -> None:
    shelf.refers = False
    made = image(SMALL)
    sbom, note, about = with_evidence(layout, made)
    foreign = {"mediaType": "x", "digest": "sha256:" + "0" * 64, "size": 1}
    tag = made.manifest.digest.replace(":", "-")
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [foreign]}
    shelf.manifests["team/demo"] = {tag: json.dumps(index).encode()}
    push(made, target, notes)
    held = json.loads(shelf.manifests["team/demo"][tag])
    assert held["manifests"][0] == foreign
    assert {entry["digest"] for entry in held["manifests"][1:]} == {sbom, note}
    (bom,) = (entry for entry in held["manifests"] if entry["digest"] == sbom)
    assert bom["artifactType"] == SBOM
    above = json.loads(shelf.manifests["team/demo"][sbom.replace(":", "-")])
    assert [entry["digest"] for entry in above["manifests"]] == [about]
    puts = len(shelf.put)
    assert push(made, target, notes).referrers == 0
    assert shelf.put[puts:] == [made.manifest.digest, "1"]


def test_a_tag_that_is_no_list_of_referrers_is_left_alone(
    shelf: Shelf, image: Make, layout: Layout, target: PushTarget, notes: Path
) -> None:
    shelf.refers = False
    made = image(SMALL)
    with_evidence(layout, made)
    tag = made.manifest.digest.replace(":", "-")
    shelf.manifests["team/demo"] = {tag: b'{"mediaType": "else"}'}
    with pytest.raises(ColdforgeError, match="lists something else than referrers"):
        push(made, target, notes)
