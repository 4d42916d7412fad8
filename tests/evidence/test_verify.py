from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coldforge.evidence import cyclonedx, generate, provenance, spdx
from coldforge.evidence.attest import attest
from coldforge.evidence.verify import verify
from coldforge.files.digest import canonical_json
from coldforge.trust.keys import make_key
from coldforge.trust.trust import admit
from tests.evidence.conftest import Image

CHECKS = [
    "bytes",
    "subject",
    "layers",
    "lock",
    "components, CycloneDX",
    "components, SPDX",
    "packages",
    "made again",
    "signatures",
]
Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def documented(image: Image) -> Image:
    generate.write(image.context, image.subject)
    return image


def outcomes(image: Image) -> dict[str, str]:
    return {check.name: check.outcome for check in verify(image.context, image.subject)}


def failed(image: Image) -> dict[str, str]:
    checks = verify(image.context, image.subject)
    return {check.name: check.said for check in checks if check.outcome == "FAILED"}


def replaced(image: Image, media_type: str, change: Change) -> None:
    """Put a changed document in the place of the right one."""
    for artifact in generate.artifacts(image.layout, image.digest):
        if artifact.media_type == media_type:
            document = generate.load(image.layout, artifact)
            image.layout.forget({artifact.manifest})
    change(document)
    data = canonical_json(document)
    image.layout.refer(image.subject.manifest, media_type, media_type, data)


def test_all_is_well_and_what_was_not_run_says_why(documented: Image) -> None:
    checks = verify(documented.context, documented.subject)
    assert [check.name for check in checks] == CHECKS
    assert [check.outcome for check in checks] == ["passed"] * 8 + ["skipped"]
    assert checks[-1].said == "nobody attested this image"


def test_without_documents_each_is_missed(image: Image) -> None:
    missed = failed(image)
    assert list(missed) == [*CHECKS[1:7], "made again"]
    assert missed["subject"] == "the image has no provenance.intoto.json"


def test_a_flipped_byte_of_a_layer_is_found(documented: Image) -> None:
    layer = documented.layout.read(documented.digest)["layers"][1]["digest"]
    path = documented.layout.blob(layer)
    data = bytearray(path.read_bytes())
    data[700] ^= 1
    path.write_bytes(data)
    assert layer in failed(documented)["bytes"]


def test_a_layer_that_is_gone_is_named(documented: Image) -> None:
    layer = documented.layout.read(documented.digest)["layers"][2]["digest"]
    documented.layout.blob(layer).unlink()
    assert failed(documented)["bytes"] == f"missing: {layer}"


def drop(bom: dict[str, Any]) -> None:
    bom["components"] = bom["components"][1:]


def twice(bom: dict[str, Any]) -> None:
    bom["components"] += bom["components"][:1]


def rename(bom: dict[str, Any]) -> None:
    bom["components"][0]["licenses"] = [{"expression": "MIT"}]


@pytest.mark.parametrize("change", [drop, twice, rename])
def test_an_sbom_that_was_edited_is_found(documented: Image, change: Change) -> None:
    replaced(documented, cyclonedx.MEDIA_TYPE, change)
    assert {"components, CycloneDX", "made again"} <= failed(documented).keys()


def test_an_sbom_and_provenance_edited_together_do_not_fit_the_lock(documented: Image) -> None:
    replaced(documented, spdx.MEDIA_TYPE, lambda bom: bom["packages"].pop())
    artifacts = generate.artifacts(documented.layout, documented.digest)
    (digest,) = [
        artifact.digest for artifact in artifacts if artifact.media_type == spdx.MEDIA_TYPE
    ]

    def follow(statement: dict[str, Any]) -> None:
        for item in statement["predicate"]["runDetails"]["byproducts"]:
            if item["name"] == "sbom/sbom.spdx.json":
                item["digest"]["sha256"] = digest.removeprefix("sha256:")

    replaced(documented, provenance.MEDIA_TYPE, follow)
    assert failed(documented)["components, SPDX"].startswith("not listed: ")


def test_documents_about_another_image_are_found(documented: Image) -> None:
    def other(statement: dict[str, Any]) -> None:
        statement["subject"][0]["digest"]["sha256"] = "0" * 64

    replaced(documented, provenance.MEDIA_TYPE, other)
    assert "is about another image" in failed(documented)["subject"]


@pytest.mark.parametrize("wrong", [{}, {"predicate": []}, {"predicate": {"runDetails": 3}}])
def test_a_document_without_its_parts_fails_in_one_line(
    documented: Image, wrong: dict[str, Any]
) -> None:
    def empty(statement: dict[str, Any]) -> None:
        statement.clear()
        statement.update(wrong)

    replaced(documented, provenance.MEDIA_TYPE, empty)
    missed = failed(documented)
    assert {"subject", "layers", "lock"} <= missed.keys()
    assert all("\n" not in said for said in missed.values())


def test_an_image_of_an_earlier_lock_is_compared_with_nothing(documented: Image) -> None:
    context = documented.context
    path = context.space.lock("trio")
    path.write_text("# newer\n" + path.read_text("utf-8"), "utf-8")
    found = outcomes(documented)
    skipped = [name for name, outcome in found.items() if outcome == "skipped"]
    assert skipped == [*CHECKS[3:6], *CHECKS[7:]]
    assert "FAILED" not in found.values()


def test_a_package_in_the_image_that_the_sbom_lacks_is_named(documented: Image) -> None:
    def drop_dash(bom: dict[str, Any]) -> None:
        bom["components"] = [part for part in bom["components"] if part["name"] != "dash"]

    replaced(documented, cyclonedx.MEDIA_TYPE, drop_dash)
    assert failed(documented)["packages"].endswith("dash 1:1")


def test_attestations_are_held_against_the_trust_file(
    documented: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLDFORGE_KEY_PASSPHRASE", "")
    anna, ben = (make_key(tmp_path / "keys" / name) for name in ("anna", "ben"))
    attest(documented.context, documented.subject, tmp_path / "keys" / "anna")

    def said() -> tuple[str, str]:
        check = verify(documented.context, documented.subject)[-1]
        return check.outcome, check.said

    assert said() == ("skipped", "this site has no trust file")
    admit(documented.context.space.trust, [ben])
    assert said() == ("FAILED", "no key that is trusted here attested this image")
    admit(documented.context.space.trust, [anna])
    assert said() == ("passed", "attested by anna")

    def reworded(statement: dict[str, Any]) -> None:
        statement["predicate"]["buildDefinition"]["buildType"] = "urn:example:other"

    replaced(documented, provenance.MEDIA_TYPE, reworded)
    assert said() == ("FAILED", "what was signed is not the provenance that is here")
