import pytest

from coldforge.deploy.image import check_whole, find_image
from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.image.oci.layout import Layout
from tests.deploy.conftest import Make


def test_an_image_knows_what_engines_may_call_it(image: Make, layout: Layout) -> None:
    found = image(b"one", b"two")
    document = layout.read(found.manifest.digest)
    assert found.ids == (document["config"]["digest"], found.manifest.digest)
    assert found.layers == [layer["digest"] for layer in document["layers"]]


def test_a_stack_without_an_image_is_told_what_is_there(image: Make, layout: Layout) -> None:
    image(b"one", stack="other")
    with pytest.raises(MissingInputError, match="no image of stack 'demo'") as caught:
        find_image(layout, "demo")
    assert "other" in caught.value.hint


@pytest.mark.parametrize("part", ["manifest", "config"])
def test_a_changed_document_is_refused(image: Make, layout: Layout, part: str) -> None:
    made = image(b"one")
    digest = made.manifest.digest if part == "manifest" else made.document["config"]["digest"]
    place = layout.blob(digest)
    place.write_bytes(place.read_bytes().replace(b":", b" :", 1))
    with pytest.raises(ColdforgeError, match=f"{digest} holds other bytes"):
        find_image(layout, "demo")


def test_a_missing_document_is_named(image: Make, layout: Layout) -> None:
    digest = image(b"one").document["config"]["digest"]
    layout.blob(digest).unlink()
    with pytest.raises(ColdforgeError, match=f"{digest} is not here"):
        find_image(layout, "demo")


def test_a_missing_or_short_layer_is_named(image: Make, layout: Layout) -> None:
    made = image(b"one", b"two")
    check_whole(made)
    layout.blob(made.layers[1]).write_bytes(b"t")
    with pytest.raises(ColdforgeError, match=f"{made.layers[1]} has 1 bytes, not 3"):
        check_whole(made)
    layout.blob(made.layers[1]).unlink()
    with pytest.raises(ColdforgeError, match=f"{made.layers[1]} is not here"):
        check_whole(made)
