import pytest

from coldforge.errors import ColdforgeError
from coldforge.evidence.subject import find
from coldforge.image.oci.layout import Layout
from tests.evidence.conftest import EPOCH, Image


def test_an_image_shows_its_stack_s_epoch(image: Image) -> None:
    assert image.subject.epoch == EPOCH
    assert image.subject.purl == f"pkg:oci/trio@{image.digest}"


def test_what_is_not_built_says_what_to_run(image: Image) -> None:
    with pytest.raises(ColdforgeError, match="'other' is not built"):
        find(Layout(image.layout.root), "other")
