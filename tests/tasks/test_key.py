import json
from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context

from coldforge.tasks import key

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLDFORGE_ROOT", str(tmp_path))
    monkeypatch.setenv("COLDFORGE_KEY_PASSPHRASE", "")
    monkeypatch.delenv("COLDFORGE_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(task: Any, capsys: Capture, *words: Any, **given: Any) -> Any:
    task(Context(), *words, json=True, **given)
    return json.loads(capsys.readouterr().out)


def test_a_key_is_made_shown_trusted_and_listed(capsys: Capture) -> None:
    made = run(key.make, capsys, "anna")
    assert run(key.show, capsys, "anna.pub") == made
    trusted = run(key.trust, capsys, key=["anna.pub"])
    assert trusted == {"version": 1, "threshold": 1, "keys": [made]}
    assert run(key.list_, capsys) == trusted


def test_a_rotation_is_made_and_adopted(capsys: Capture) -> None:
    for name in ("anna", "ben"):
        key.make(Context(), name)
    key.trust(Context(), key=["anna.pub"])
    capsys.readouterr()
    given: dict[str, Any] = {"add": ["ben.pub"], "remove": ["anna"]}
    made = run(key.rotate, capsys, sign=["anna", "ben"], **given)
    assert made["wanting"] == {"old": 0, "new": 0}
    taken = run(key.trust, capsys, key=[], rotation="rotation.json")
    assert [one["name"] for one in taken["keys"]] == ["ben"]


def test_the_text_shows_names_and_fingerprints(capsys: Capture) -> None:
    key.make(Context(), "anna")
    key.trust(Context(), key=["anna.pub"])
    said = capsys.readouterr().out.splitlines()
    assert said[-2] == "trust document 1: 1 of 1 is enough to sign"
    assert said[-1].startswith("anna  SHA256:")


@pytest.mark.parametrize(
    ("task", "given", "status"),
    [
        (key.show, {"file": "none"}, 3),
        (key.list_, {}, 3),
        (key.trust, {"key": []}, 1),
        (key.rotate, {"add": [], "remove": [], "sign": []}, 3),
    ],
)
def test_a_missing_argument_is_an_error_and_a_hint(
    capsys: Capture, task: Any, given: dict[str, Any], status: int
) -> None:
    with pytest.raises(SystemExit) as caught:
        task(Context(), **given)
    assert caught.value.code == status
    assert [line[:6] for line in capsys.readouterr().err.splitlines()] == ["error:", " hint:"]
