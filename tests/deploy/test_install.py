from collections.abc import Callable
from typing import Any

import pytest

from coldforge.deploy.generations import generation_name, numbers, rollback
from coldforge.deploy.image import StoredImage
from coldforge.deploy.install import Installed, check_quorum, from_layout, install
from coldforge.errors import ColdforgeError
from coldforge.image.containers.docker_engine import image_name
from tests.deploy.conftest import Api, Make

Bring = Callable[..., None]
LATEST = image_name("demo")


def test_the_first_install_makes_generation_one(
    client: Any, api: Api, image: Make, bring: Bring
) -> None:
    made = image(b"one")
    assert install(client, made, 3, bring) == Installed(1, True, [])
    assert api.names == {generation_name("demo", 1): made.ids[0], LATEST: made.ids[0]}


def test_latest_moves_last(client: Any, api: Api, image: Make, bring: Bring) -> None:
    install(client, image(b"one"), 3, bring)
    name = generation_name("demo", 1)
    assert api.log == [("bring", name), ("tag", name, LATEST)]


def test_a_second_install_of_the_same_does_nothing(
    client: Any, api: Api, image: Make, bring: Bring
) -> None:
    install(client, image(b"one"), 3, bring)
    api.log.clear()
    assert install(client, image(b"one"), 3, bring) == Installed(1, False, [])
    assert api.log == []


def test_an_image_that_was_built_here_becomes_a_generation_without_being_sent(
    client: Any, api: Api, image: Make, bring: Bring
) -> None:
    api.hold(image(b"one"), LATEST)
    assert install(client, image(b"one"), 3, bring).generation == 1
    assert "bring" not in {what for what, *_ in api.log}


def test_only_the_last_generations_are_kept(
    client: Any, api: Api, image: Make, bring: Bring
) -> None:
    for text in (b"one", b"two", b"three"):
        assert install(client, image(text), 3, bring).removed == []
    assert install(client, image(b"four"), 3, bring) == Installed(4, True, [1])
    assert numbers(api.names, "demo") == [2, 3, 4]


def test_an_older_image_installed_again_is_the_newest_generation_alone(
    client: Any, api: Api, image: Make, bring: Bring
) -> None:
    for text in (b"one", b"two", b"one"):
        done = install(client, image(text), 3, bring)
    assert done.generation == 3
    assert numbers(api.names, "demo") == [2, 3]


def test_an_engine_that_holds_something_else_is_not_switched(
    client: Any, api: Api, image: Make
) -> None:
    old, new = image(b"old"), image(b"new")
    api.hold(old, LATEST, generation_name("demo", 1))
    with pytest.raises(ColdforgeError, match="not our image"):
        install(client, new, 3, lambda _, __, name: api.hold(old, name))
    assert api.names[LATEST] == old.ids[0]


def test_a_short_layer_is_found_before_anything_is_sent(client: Any, image: Make) -> None:
    made = image(b"one")
    made.layout.blob(made.layers[0]).write_bytes(b"")
    with pytest.raises(ColdforgeError, match="has 0 bytes, not 3"):
        from_layout(client, made, "name")


@pytest.mark.parametrize(
    "step",
    [
        f"bring {generation_name('demo', 2)}",
        f"tag {generation_name('demo', 2)} {LATEST}",
        f"remove {generation_name('demo', 1)}",
    ],
)
def test_cut_off_at_any_request_one_of_both_images_is_in_use_and_a_rerun_finishes(
    client: Any, api: Api, image: Make, bring: Bring, step: str
) -> None:
    old, new = image(b"old"), image(b"new")
    install(client, old, 1, bring)
    api.dies_at = step
    with pytest.raises(ConnectionResetError):
        install(client, new, 1, bring)
    assert api.names[LATEST] in {old.ids[0], new.ids[0]}
    api.dies_at = ""
    done = install(client, new, 1, bring)
    assert api.names == {LATEST: new.ids[0], generation_name("demo", done.generation): new.ids[0]}


def one_two_three(client: Any, image: Make, bring: Bring) -> list[StoredImage]:
    made = [image(text) for text in (b"one", b"two", b"three")]
    for one in made:
        install(client, one, 3, bring)
    return made


def test_rolling_back_again_goes_further_back(
    client: Any, api: Api, image: Make, bring: Bring
) -> None:
    made = one_two_three(client, image, bring)
    assert rollback(client, "demo")[:2] == (3, 2)
    assert api.names[LATEST] == made[1].ids[0]
    assert rollback(client, "demo")[:2] == (2, 1)
    assert api.names[LATEST] == made[0].ids[0]
    with pytest.raises(ColdforgeError, match="no generation before 1") as caught:
        rollback(client, "demo")
    assert "1, 2, 3" in caught.value.hint


def test_rolling_back_skips_a_generation_that_is_gone(
    client: Any, api: Api, image: Make, bring: Bring
) -> None:
    one_two_three(client, image, bring)
    api.remove_image(generation_name("demo", 2))
    assert rollback(client, "demo").generation == 1


def test_a_generation_can_be_named_forwards_too(client: Any, image: Make, bring: Bring) -> None:
    one_two_three(client, image, bring)
    assert rollback(client, "demo", 1)[:2] == (3, 1)
    assert rollback(client, "demo", 3)[:2] == (1, 3)
    with pytest.raises(ColdforgeError, match="no generation 9") as caught:
        rollback(client, "demo", 9)
    assert caught.value.hint == "here: 1, 2, 3"


def test_an_install_after_a_rollback_makes_a_new_generation(
    client: Any, api: Api, image: Make, bring: Bring
) -> None:
    made = one_two_three(client, image, bring)
    rollback(client, "demo")
    assert install(client, made[2], 3, bring).generation == 4
    assert numbers(api.names, "demo") == [1, 2, 4]
    assert rollback(client, "demo")[:2] == (4, 2)


def test_the_generation_in_use_survives_installs_of_nothing_new(
    client: Any, api: Api, image: Make, bring: Bring
) -> None:
    made = one_two_three(client, image, bring)
    rollback(client, "demo", 1)
    assert install(client, made[0], 1, bring) == Installed(1, False, [2])
    assert numbers(api.names, "demo") == [1, 3]


def test_an_image_that_was_built_over_a_generation_can_be_rolled_back(
    client: Any, api: Api, image: Make, bring: Bring
) -> None:
    install(client, image(b"one"), 3, bring)
    built = api.hold(image(b"built"), LATEST)
    assert rollback(client, "demo")[:2] == (2, 1)
    assert built in api.layers


def test_nothing_to_roll_back_is_said(client: Any) -> None:
    with pytest.raises(ColdforgeError, match="no generation of 'demo' is in use"):
        rollback(client, "demo")


TRUSTED = {"SHA256:a": "anna", "SHA256:b": "ben", "SHA256:c": "cleo"}


def test_enough_distinct_keys_pass() -> None:
    check_quorum("cpu", 2, {"SHA256:a", "SHA256:c"}, TRUSTED)
    check_quorum("cpu", 0, set(), TRUSTED)


def test_too_few_are_named_with_those_that_lack() -> None:
    with pytest.raises(ColdforgeError) as caught:
        check_quorum("cpu", 2, {"SHA256:b"}, TRUSTED)
    assert caught.value.message == (
        "the image of 'cpu' has 1 of the 2 attestations required"
        " (there: ben; trusted, but not there: anna, cleo)"
    )
    assert "image.attest --stack cpu" in caught.value.hint


def test_an_unknown_key_counts_for_nothing() -> None:
    with pytest.raises(ColdforgeError, match="has 1 of the 2"):
        check_quorum("cpu", 2, {"SHA256:a", "SHA256:x"}, TRUSTED)


def test_more_than_are_trusted_can_never_be() -> None:
    with pytest.raises(ColdforgeError) as caught:
        check_quorum("cpu", 4, set(TRUSTED), TRUSTED)
    assert "trusts 3 keys" in caught.value.hint
