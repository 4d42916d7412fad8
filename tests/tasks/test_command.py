import sys

import pytest

from coldforge.tasks._command import asked_for


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["/x/bin/invoke", "--list"], False),
        (["/x/bin/invoke", "image.build"], False),
        (["/x/bin/invoke", "engine.build", "--out", "e"], True),
        (["/x/bin/invoke", "--help", "engine.build"], True),
        (["/x/invoke/__main__.py", "--list"], False),
        (["-c"], True),
    ],
)
def test_a_door_is_looked_up_only_for_the_task_that_needs_it(
    monkeypatch: pytest.MonkeyPatch, words: list[str], expected: bool
) -> None:
    monkeypatch.setattr(sys, "argv", words)
    assert asked_for("engine.build") is expected
