"""What a task hands over to the image."""

import pytest

from coldforge.tasks import _inside
from coldforge.tasks._inside import Inside


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> list[Inside]:
    """Take what the image would be asked to do, instead of starting it."""
    monkeypatch.delenv("COLDFORGE_IN_IMAGE", raising=False)
    found: list[Inside] = []
    monkeypatch.setattr(_inside, "run", found.append)
    return found
