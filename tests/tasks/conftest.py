"""What a task hands over to the image."""

import pytest

from coldforge.tasks import _in_image
from coldforge.tasks._in_image import Inside


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> list[Inside]:
    """Take what the image would be asked to do, instead of starting it."""
    monkeypatch.delenv("COLDFORGE_IN_IMAGE", raising=False)
    found: list[Inside] = []
    monkeypatch.setattr(_in_image, "run", found.append)
    return found
