import json

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from coldforge.evidence import cyclonedx, generate
from coldforge.evidence.built_wheels import made
from tests.evidence.conftest import Image


@pytest.fixture
def text(image: Image) -> str:
    with made(image.context, image.digest) as wheels:
        parts = generate.licensed(image.context, wheels)
    return cyclonedx.sbom(image.subject, parts).decode()


def test_its_own_schema_accepts_it(text: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_it_says_what_is_inside_and_what_only_built(text: str, image: Image) -> None:
    bom = json.loads(text)
    scopes = {part["bom-ref"].rpartition("-")[0]: part["scope"] for part in bom["components"]}
    assert scopes == {
        "deb-dash": "required",
        "deb-libdash": "required",
        "file-top.txt": "required",
        "source-demo": "excluded",
        "wheel-demo": "required",
        "wheel-setuptools": "excluded",
        "wheel-six": "required",
    }
    about = bom["metadata"]["component"]
    assert about["hashes"] == [{"alg": "SHA-256", "content": image.subject.sha256}]


def test_a_built_wheel_depends_on_what_made_it(text: str) -> None:
    on = {
        item["ref"].rpartition("-")[0]: [ref.rpartition("-")[0] for ref in item["dependsOn"]]
        for item in json.loads(text)["dependencies"]
        if item.get("dependsOn")
    }
    assert on["wheel-demo"] == ["source-demo", "wheel-setuptools"]
    assert len(on[""]) == 5


def test_time_and_serial_number_are_the_image_s(text: str, image: Image) -> None:
    bom = json.loads(text)
    assert bom["serialNumber"] == f"urn:uuid:{image.subject.uuid}"
    assert bom["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"
