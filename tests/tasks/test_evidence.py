import json
from pathlib import Path

import pytest
from invoke.context import Context

from coldforge.errors import NotFetchedError
from coldforge.evidence import generate
from coldforge.tasks.evidence import attest, evidence, kept
from coldforge.trust.keys import make_key
from tests.evidence.conftest import Image, made


@pytest.fixture
def image(workspace: object, monkeypatch: pytest.MonkeyPatch) -> Image:
    found = made(workspace)  # type: ignore[arg-type]
    monkeypatch.setenv("COLDFORGE_ROOT", str(found.context.space.root))
    monkeypatch.setenv("COLDFORGE_KEY_PASSPHRASE", "")
    return found


def test_evidence_is_shown_and_written(
    image: Image, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evidence(Context(), stack="trio", out=str(tmp_path / "out"), json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["digest"] == image.digest
    assert (
        len(told["evidence"]) == len(told["files"]) == len(list((tmp_path / "out").iterdir())) == 3
    )


def test_a_check_is_a_line_and_a_failure_an_exit_code(
    image: Image, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        evidence(Context(), stack="trio", verify=True)
    assert ended.value.code == 1
    kept(image.context)
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        evidence(Context(), stack="trio", verify=True)
    assert not ended.value.code
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "layers                 passed   3 layers"
    assert lines[-1] == "signatures             skipped: nobody attested this image"


def test_a_second_attestation_by_the_same_key_is_not_made(
    image: Image, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_key(tmp_path / "anna")
    attest(Context(), key=str(tmp_path / "anna"), stack="trio")
    attest(Context(), key=str(tmp_path / "anna"), stack="trio")
    first, second = capsys.readouterr().out.splitlines()
    assert " attested by SHA256:" in first
    assert " was already attested by SHA256:" in second


def test_a_cached_build_without_its_inputs_succeeds_without_evidence(
    image: Image, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def gone(place: object, subject: object) -> bool:
        raise NotFetchedError("the mirror lacks dash", "run: it")

    monkeypatch.setattr(generate, "write", gone)
    kept(image.context)
    assert "note: no evidence of trio: the mirror lacks dash; run: it" in capsys.readouterr().err
