import pytest

from coldforge.errors import ColdforgeError
from coldforge.evidence.built_wheels import REVISION, built_here, check_built, labels_of, made
from tests.evidence.conftest import Image


def test_the_wheels_of_a_build_are_found_by_its_cache(image: Image) -> None:
    with made(image.context, image.digest) as wheels:
        (wheel,) = wheels
        assert (wheel.name, wheel.path.name) == ("demo", "demo-1-py3-none-any.whl")
        assert wheel.layers == ("python",)


def test_a_checkout_with_another_recipe_did_not_build_it(image: Image) -> None:
    recipe = image.context.space.root / "top.txt"
    recipe.write_text("changed\n", "utf-8")
    assert not built_here(image.context, image.digest)
    with pytest.raises(ColdforgeError, match="was not built here") as caught:
        check_built(image.context, image.digest)
    assert caught.value.hint == "run: ./invokew image.build --stack trio"


def test_a_checkout_of_another_revision_did_not_build_it(image: Image) -> None:
    (image.context.space.root / "REVISION").write_text("a" * 40, "utf-8")
    with pytest.raises(ColdforgeError, match="another revision"):
        check_built(image.context, image.digest)


def test_a_cache_that_is_gone_cannot_tell(image: Image) -> None:
    for path in (image.context.root / "cache").glob("*.json"):
        path.unlink()
    assert not built_here(image.context, image.digest)


def test_labels_are_read(image: Image) -> None:
    assert labels_of(image.layout, image.digest)[REVISION] == "unknown"
