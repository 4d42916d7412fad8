import hashlib
import json
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError, NotFetchedError
from coldforge.evidence import cyclonedx, generate, provenance, spdx
from coldforge.evidence.generate import KINDS
from tests.evidence.conftest import Image, blob_of


def test_what_is_lacking_is_made_once(image: Image) -> None:
    assert generate.lacks(image.layout, image.digest)
    assert generate.write(image.context, image.subject)
    before = (image.layout.root / "index.json").read_bytes()
    assert not generate.lacks(image.layout, image.digest)
    assert not generate.write(image.context, image.subject)
    assert (image.layout.root / "index.json").read_bytes() == before
    kinds = [artifact.media_type for artifact in generate.artifacts(image.layout, image.digest)]
    assert sorted(kinds) == sorted(KINDS)


def test_made_again_it_is_the_same(image: Image) -> None:
    generate.write(image.context, image.subject)
    before = (image.layout.root / "index.json").read_bytes()
    generate.renew(image.context, image.subject)
    assert (image.layout.root / "index.json").read_bytes() == before


def test_what_says_otherwise_is_replaced(image: Image) -> None:
    generate.write(image.context, image.subject)
    old = image.layout.refer(image.subject.manifest, spdx.MEDIA_TYPE, spdx.MEDIA_TYPE, b"{}")
    generate.renew(image.context, image.subject)
    artifacts = generate.artifacts(image.layout, image.digest)
    assert len(artifacts) == 3
    assert old.digest not in {artifact.manifest for artifact in artifacts}


def test_an_image_of_another_checkout_is_not_vouched_for(image: Image) -> None:
    (image.context.space.root / "top.txt").write_text("changed", "utf-8")
    with pytest.raises(ColdforgeError, match="was not built here"):
        generate.write(image.context, image.subject)
    assert generate.artifacts(image.layout, image.digest) == []


def test_inputs_that_are_gone_are_an_error_and_not_silence(image: Image) -> None:
    entry = image.context.lock.of("base")[0]
    image.context.store.path(entry.sha256).unlink()
    with pytest.raises(NotFetchedError, match="dash"):
        generate.write(image.context, image.subject)
    assert generate.lacks(image.layout, image.digest)


def test_it_can_be_taken_away_as_files(image: Image, tmp_path: Path) -> None:
    generate.write(image.context, image.subject)
    image.layout.refer(image.subject.manifest, "text/x-other", "text/plain", b"not ours")
    written = generate.export_files(image.layout, image.digest, tmp_path / "out" / "here")
    assert {path.name for path in written} == set(KINDS.values())
    for path in written:
        assert json.loads(path.read_bytes())


def test_a_damaged_document_is_not_given_away(image: Image, tmp_path: Path) -> None:
    generate.write(image.context, image.subject)
    blob_of(image, cyclonedx.MEDIA_TYPE).write_bytes(b"{}")
    with pytest.raises(ColdforgeError, match="damaged"):
        generate.export_files(image.layout, image.digest, tmp_path / "out")


def test_the_statement_names_the_sboms_by_digest(image: Image) -> None:
    made = generate.documents(image.context, image.subject)
    products = json.loads(made[provenance.MEDIA_TYPE])["predicate"]["runDetails"]["byproducts"]
    named = {item["name"]: item["digest"]["sha256"] for item in products}
    for form in (cyclonedx, spdx):
        digest = hashlib.sha256(made[form.MEDIA_TYPE]).hexdigest()
        assert named[f"sbom/{KINDS[form.MEDIA_TYPE]}"] == digest
