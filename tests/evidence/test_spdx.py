import json
from pathlib import Path

import pytest
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from coldforge.evidence import generate, spdx
from coldforge.evidence.built_wheels import made
from tests.evidence.conftest import Image


@pytest.fixture
def text(image: Image) -> bytes:
    with made(image.context, image.digest) as wheels:
        parts = generate.licensed(image.context, wheels)
    return spdx.sbom(image.subject, parts)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_spdx_s_own_tools_accept_it(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.spdx.json").write_bytes(text)
    document = parse_file(str(tmp_path / "x.spdx.json"))
    messages = validate_full_spdx_document(document)
    assert [message.validation_message for message in messages] == []
    assert len(document.packages) == 8


def test_relations_tell_content_from_tools(text: bytes) -> None:
    said = {
        (item["spdxElementId"], item["relationshipType"], item["relatedSpdxElement"])
        for item in json.loads(text)["relationships"]
    }
    short = {tuple(part.rpartition("-")[0] or part for part in line) for line in said}
    assert short == {
        ("SPDXRef", "DESCRIBES", "SPDXRef"),
        ("SPDXRef", "CONTAINS", "SPDXRef-deb-dash"),
        ("SPDXRef", "CONTAINS", "SPDXRef-deb-libdash"),
        ("SPDXRef", "CONTAINS", "SPDXRef-file-top.txt"),
        ("SPDXRef", "CONTAINS", "SPDXRef-wheel-demo"),
        ("SPDXRef", "CONTAINS", "SPDXRef-wheel-six"),
        ("SPDXRef-source-demo", "BUILD_DEPENDENCY_OF", "SPDXRef"),
        ("SPDXRef-wheel-setuptools", "BUILD_DEPENDENCY_OF", "SPDXRef"),
        ("SPDXRef-wheel-demo", "GENERATED_FROM", "SPDXRef-source-demo"),
        ("SPDXRef-wheel-setuptools", "BUILD_DEPENDENCY_OF", "SPDXRef-wheel-demo"),
    }


def test_a_licence_without_a_name_of_spdx_is_explained(text: bytes) -> None:
    names = {
        item["licenseId"]: item["name"] for item in json.loads(text)["hasExtractedLicensingInfos"]
    }
    assert names == {
        "LicenseRef-mysterious": "mysterious",
        "LicenseRef-Odd-Licence": "Odd Licence",
    }
