import json
from pathlib import Path

import msgspec
import pytest

from coldforge.errors import ColdforgeError
from coldforge.evidence import generate, provenance, spdx
from coldforge.evidence.attest import attest, attesters, signatures
from coldforge.evidence.generate import ATTESTATION
from coldforge.trust.envelope import Envelope, seal, sign
from coldforge.trust.keys import Key, make_key, read_private
from coldforge.trust.trust import FORMAT, Trust
from tests.evidence.conftest import Image


@pytest.fixture(autouse=True)
def without_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLDFORGE_KEY_PASSPHRASE", "")


def key(tmp_path: Path, name: str) -> tuple[Path, Key]:
    path = tmp_path / "keys" / name
    return path, make_key(path)


def trust(*keys: Key) -> Trust:
    return Trust(FORMAT, 1, 1, list(keys))


def kept(image: Image, envelope: Envelope) -> None:
    data = msgspec.json.encode(envelope)
    image.layout.refer(image.subject.manifest, ATTESTATION, ATTESTATION, data)


def test_sites_attest_side_by_side(image: Image, tmp_path: Path) -> None:
    (anna, anna_pub), (ben, ben_pub) = key(tmp_path, "anna"), key(tmp_path, "ben")
    assert attest(image.context, image.subject, anna).new
    assert attest(image.context, image.subject, ben).new
    both = {anna_pub.fingerprint, ben_pub.fingerprint}
    assert attesters(image.layout, image.digest, trust(anna_pub, ben_pub)) == both
    assert attesters(image.layout, image.digest, trust(ben_pub)) == {ben_pub.fingerprint}
    assert {one.keyid for one in signatures(image.layout, image.digest)} == both


def test_the_same_key_twice_is_once(image: Image, tmp_path: Path) -> None:
    anna, _ = key(tmp_path, "anna")
    attest(image.context, image.subject, anna)
    before = (image.layout.root / "index.json").read_bytes()
    assert not attest(image.context, image.subject, anna).new
    assert (image.layout.root / "index.json").read_bytes() == before


def test_who_did_not_build_the_image_does_not_attest_it(image: Image, tmp_path: Path) -> None:
    anna, _ = key(tmp_path, "anna")
    (image.context.space.root / "top.txt").write_text("changed", "utf-8")
    with pytest.raises(ColdforgeError, match="was not built here"):
        attest(image.context, image.subject, anna)
    assert signatures(image.layout, image.digest) == []


def test_provenance_that_this_site_does_not_find_is_not_attested(
    image: Image, tmp_path: Path
) -> None:
    anna, _ = key(tmp_path, "anna")
    kind = provenance.MEDIA_TYPE
    image.layout.refer(image.subject.manifest, kind, kind, b'{"subject":[]}')
    with pytest.raises(ColdforgeError, match="is not what this site finds"):
        attest(image.context, image.subject, anna)


def test_what_is_signed_about_another_image_counts_for_nothing(
    image: Image, tmp_path: Path
) -> None:
    anna, public = key(tmp_path, "anna")
    statement = json.loads(generate.documents(image.context, image.subject)[provenance.MEDIA_TYPE])
    private = read_private(anna)
    odd = [
        statement | {"subject": [{"name": "trio", "digest": {"sha256": "0" * 64}}]},
        statement | {"subject": statement["subject"] * 2},
        statement | {"predicateType": "https://example.org/other"},
        {"subject": 3},
        [],
    ]
    for told in odd:
        payload = json.dumps(told).encode()
        signature = sign(provenance.MEDIA_TYPE, payload, private)
        kept(image, seal(provenance.MEDIA_TYPE, payload, [signature]))
    payload = json.dumps(statement).encode()
    kept(image, seal("text/plain", payload, [sign("text/plain", payload, private)]))
    assert attesters(image.layout, image.digest, trust(public)) == set()


def test_a_signature_over_other_bytes_counts_for_nothing(image: Image, tmp_path: Path) -> None:
    anna, public = key(tmp_path, "anna")
    payload = generate.documents(image.context, image.subject)[provenance.MEDIA_TYPE]
    signature = sign(provenance.MEDIA_TYPE, payload + b" ", read_private(anna))
    kept(image, seal(provenance.MEDIA_TYPE, payload, [signature]))
    assert attesters(image.layout, image.digest, trust(public)) == set()


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b'{"payload":3}', b"\xff"])
def test_what_is_no_envelope_counts_for_nothing(image: Image, tmp_path: Path, data: bytes) -> None:
    anna, public = key(tmp_path, "anna")
    attest(image.context, image.subject, anna)
    image.layout.refer(image.subject.manifest, ATTESTATION, ATTESTATION, data)
    assert attesters(image.layout, image.digest, trust(public)) == {public.fingerprint}


def test_an_sbom_signed_alone_is_no_attestation(image: Image, tmp_path: Path) -> None:
    anna, public = key(tmp_path, "anna")
    sbom = generate.documents(image.context, image.subject)[spdx.MEDIA_TYPE]
    signature = sign(provenance.MEDIA_TYPE, sbom, read_private(anna))
    kept(image, seal(provenance.MEDIA_TYPE, sbom, [signature]))
    assert attesters(image.layout, image.digest, trust(public)) == set()
