import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.deploy.target import PushTarget, endpoint_of, parse_target
from coldforge.errors import ColdforgeError
from coldforge.mirror.settings.registries import Containers, Mirror, Registry, RegistryEndpoint


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("registry.example.org/team/cpu:1", PushTarget("registry.example.org", "team/cpu", "1")),
        ("127.0.0.1:5000/cpu", PushTarget("127.0.0.1:5000", "cpu", "latest")),
        ("localhost/a/b/c:v1.2_x-3", PushTarget("localhost", "a/b/c", "v1.2_x-3")),
    ],
)
def test_a_target_is_host_repository_and_tag(text: str, target: PushTarget) -> None:
    assert parse_target(text) == target
    assert parse_target(str(target)) == target


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("team/cpu:1", "does not begin with a registry's host"),
        ("cpu", "does not begin with a registry's host"),
        ("https://registry.example.org/cpu", "does not begin with a registry's host"),
        ("user:password@example.org/cpu", "names a digest or a user"),
        ("example.org/cpu@sha256:00", "names a digest or a user"),
        ("example.org/Team/cpu", "not the name of a repository"),
        ("example.org/../cpu", "not the name of a repository"),
        ("example.org/cpu:", "not a tag"),
        ("example.org/cpu:a b", "not a tag"),
    ],
)
def test_another_form_is_refused(text: str, said: str) -> None:
    with pytest.raises(ColdforgeError, match=said) as caught:
        parse_target(text)
    assert "HOST" in caught.value.hint


@given(st.text())
def test_any_text_is_a_target_or_refused(text: str) -> None:
    try:
        target = parse_target(text)
    except ColdforgeError:
        return
    assert parse_target(str(target)) == target


def test_a_registry_that_has_moved_is_found_and_its_mirrors_get_no_push() -> None:
    table = Registry(
        location="inner.example.org/all",
        prefix="registry.example.org",
        mirror=[Mirror("mirror.example.org")],
    )
    target = parse_target("registry.example.org/team/demo")
    containers = Containers(registries=[table], mirrors=["https://m.example.org"])
    assert endpoint_of(target, containers) == RegistryEndpoint("inner.example.org", "all/team/demo")
