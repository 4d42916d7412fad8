from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from coldforge.deploy.generations import (
    Generations,
    generation_name,
    installed_generation,
    numbers,
    parse,
    read_generations,
    remove_old,
)
from coldforge.image.containers.docker_engine import image_name
from tests.deploy.conftest import Api, Make


def test_a_generation_is_a_name_that_leads_to_no_registry() -> None:
    assert generation_name("cpu", 3) == "localhost/coldforge/cpu:generation-3"


@given(st.sets(st.integers(1, 999_999_999)))
def test_numbers_are_read_back_from_names(wanted: set[int]) -> None:
    names = [generation_name("a.b", number) for number in wanted]
    foreign = [generation_name("aXb", 1), image_name("a.b"), "localhost/coldforge/a.b:generation-x"]
    assert numbers([*foreign, *names], "a.b") == sorted(wanted)


@given(st.lists(st.text()))
def test_no_foreign_name_is_a_generation(names: list[str]) -> None:
    assert numbers(names, "cpu") == []


def test_a_list_of_images_is_read_with_and_without_names() -> None:
    images: list[dict[str, Any]] = [
        {"Id": "a", "RepoTags": [generation_name("cpu", 1)]},
        {"Id": "b", "RepoTags": [image_name("cpu"), generation_name("cpu", 2)]},
        {"Id": "c", "RepoTags": None},
        {"Id": "d", "RepoTags": [image_name("cuda"), generation_name("cuda", 9)]},
    ]
    found = parse(images, "cpu")
    assert found == Generations({1: "a", 2: "b"}, "b")
    assert (found.current, found.newest, found.before()) == (2, 2, 1)


def test_what_comes_before_is_another_image() -> None:
    assert Generations({1: "a", 2: "b", 3: "b"}, "b").before() == 1
    assert Generations({1: "a", 2: "a"}, "a").before() == 0
    assert Generations({}, "").before() == 0


def test_an_image_in_use_that_was_never_installed_gets_a_number(
    client: Any, api: Api, image: Make
) -> None:
    api.hold(image(b"old"), generation_name("demo", 4))
    built = api.hold(image(b"built"), image_name("demo"))
    found = read_generations(client, "demo")
    assert found.ids[5] == built
    assert found.current == 5
    assert read_generations(client, "demo") == found


def test_only_a_whole_image_under_a_generation_is_settled(
    client: Any, api: Api, image: Make
) -> None:
    made = image(b"one")
    assert installed_generation({}, made) == 0
    api.hold(made, image_name("demo"))
    assert installed_generation(api.inspect_image(image_name("demo")), made) == 0
    api.hold(made, generation_name("demo", 7))
    shown = api.inspect_image(image_name("demo"))
    assert installed_generation(shown, made) == 7
    assert installed_generation(shown | {"RootFS": {"Layers": []}}, made) == 0
    assert installed_generation(shown, image(b"two")) == 0


def test_the_oldest_names_go_but_not_what_is_in_use(client: Any, api: Api, image: Make) -> None:
    held = [api.hold(image(b"%d" % n), generation_name("demo", n)) for n in range(1, 7)]
    api.names[image_name("demo")] = held[1]
    api.used = {held[2]}
    assert remove_old(client, "demo", 2) == [1, 4]
    assert numbers(api.names, "demo") == [2, 3, 5, 6]
    assert held[0] not in api.layers
