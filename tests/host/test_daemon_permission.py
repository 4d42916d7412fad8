import io

import pytest

from coldforge.host import daemon


@pytest.mark.parametrize(
    ("yes", "environ", "terminal", "answer"),
    [
        (True, {}, False, True),
        (False, {"COLDFORGE_YES": "1"}, False, True),
        (False, {"CI": "true"}, False, True),
        (False, {"CI": ""}, False, False),
        (False, {"COLDFORGE_YES": "0"}, False, False),
        (False, {}, False, False),
        (False, {}, True, None),
        (False, {"COLDFORGE_YES": "1"}, True, True),
    ],
)
def test_permission_is_given_ahead_or_asked_for_on_a_terminal_only(
    yes: bool, environ: dict[str, str], terminal: bool, answer: bool | None
) -> None:
    assert daemon.permission(yes, environ, terminal) is answer


@pytest.mark.parametrize(
    ("typed", "given"), [("y\n", True), ("YES\n", True), ("\n", False), ("", False)]
)
def test_only_a_typed_yes_is_a_yes(
    monkeypatch: pytest.MonkeyPatch, typed: str, given: bool
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("COLDFORGE_YES", raising=False)
    monkeypatch.setattr(daemon, "at_terminal", lambda: True)
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert daemon.confirm("Install?", yes=False) is given
