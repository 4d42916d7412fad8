import json

import pytest
from invoke.context import Context

from coldforge.host import doctor as examination
from coldforge.host.doctor import Check
from coldforge.tasks import host

FINE = Check("gpgv", "ok", "/usr/bin/gpgv")
MISS = Check("disk", "miss", "1 GB free", "free some space")


def found(monkeypatch: pytest.MonkeyPatch, *checks: Check) -> None:
    monkeypatch.setattr(examination, "examine", lambda space, stack, online: list(checks))


def test_doctor_prints_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found(monkeypatch, FINE)
    host.doctor(Context(), json=True)
    (row,) = json.loads(capsys.readouterr().out)
    assert row == {"name": "gpgv", "status": "ok", "found": "/usr/bin/gpgv", "remedy": ""}


def test_doctor_exits_with_1_if_something_needed_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found(monkeypatch, FINE, MISS)
    with pytest.raises(SystemExit) as ended:
        host.doctor(Context())
    assert ended.value.code == 1
    assert "-> free some space" in capsys.readouterr().out


def test_an_unknown_stack_is_an_error_and_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        host.doctor(Context(), stack="nope")
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[0] == "error: unknown stack 'nope'"
