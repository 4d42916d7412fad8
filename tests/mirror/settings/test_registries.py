import json
from pathlib import Path

import pytest
from docker import auth

from coldforge.errors import ColdforgeError
from coldforge.mirror.settings.registries import (
    Containers,
    Mirror,
    Registry,
    RegistryEndpoint,
    read_containers,
)


def configured(root: Path, files: dict[str, str], **environ: str) -> Containers:
    for name, text in files.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")
    return read_containers(root, {"HOME": str(root / "home"), **environ})


def hosts(found: list[RegistryEndpoint]) -> list[str]:
    return [f"{end.host}/{end.repository}" for end in found]


SEARCH = 'unqualified-search-registries = ["{}"]\n'


def test_unqualified_names_are_searched_in_the_configured_order() -> None:
    found = Containers(search=["one.example.org", "two.example.org"]).endpoints("a/b")
    assert hosts(found) == ["one.example.org/a/b", "two.example.org/a/b"]
    assert not any(end.insecure for end in found)


def test_with_nothing_configured_names_mean_what_they_mean_to_docker(tmp_path: Path) -> None:
    (found,) = configured(tmp_path, {}).endpoints("debian")
    assert found.host in str(auth.INDEX_URL)
    assert found.repository == "library/debian"


def test_docker_s_mirrors_come_before_its_registry_and_no_other(tmp_path: Path) -> None:
    text = json.dumps(
        {"registry-mirrors": ["https://mirror.example.org/", "http://b.example.org/x"]}
    )
    config = configured(tmp_path, {"etc/docker/daemon.json": text})
    found = config.endpoints("a/b")
    assert hosts(found)[:2] == ["mirror.example.org/a/b", "b.example.org/x/a/b"]
    assert [end.insecure for end in found] == [False, True, False]
    other = Containers(search=["example.org"], mirrors=config.mirrors)
    assert hosts(other.endpoints("a/b")) == ["example.org/a/b"]


def test_a_registry_s_mirrors_come_first_and_its_location_replaces_the_prefix() -> None:
    table = Registry(
        prefix="example.org/team",
        location="inner.example.org:5000/x",
        mirror=[Mirror("near.example.org/cache", insecure=True)],
    )
    found = Containers(search=["example.org"], registries=[table]).endpoints("team/a")
    assert hosts(found) == ["near.example.org/cache/a", "inner.example.org:5000/x/a"]
    assert [end.insecure for end in found] == [True, False]


def test_the_longest_prefix_counts_and_ends_at_a_slash() -> None:
    tables = [
        Registry(location="example.org", insecure=True),
        Registry(prefix="example.org/team", location="team.example.org"),
        Registry(prefix="*.example.net", insecure=True),
    ]
    config = Containers(search=["example.org", "sub.example.net"], registries=tables)
    assert hosts(config.endpoints("team/a"))[0] == "team.example.org/a"
    assert config.endpoints("teams/a") == [
        RegistryEndpoint("example.org", "teams/a", insecure=True),
        RegistryEndpoint("sub.example.net", "teams/a", insecure=True),
    ]


def test_a_blocked_registry_is_not_asked() -> None:
    table = Registry(location="example.org", blocked=True)
    assert Containers(search=["example.org"], registries=[table]).endpoints("a") == []


@pytest.mark.parametrize(
    ("host", "insecure"),
    [("localhost:5000", True), ("127.0.0.1:5000", True), ("[::1]:5000", True),
     ("127.8.8.8", True), ("10.1.2.3:5000", True), ("10.2.2.3", False),
     ("known.example.org:5000", True), ("known.example.org", False), ("example.org", False)],
)  # fmt: skip
def test_loopback_and_what_docker_is_told_may_be_insecure(host: str, insecure: bool) -> None:
    config = Containers(search=[host], insecure=["10.1.0.0/16", "known.example.org:5000"])
    assert [end.insecure for end in config.endpoints("a")] == [insecure]


def test_the_user_s_file_replaces_the_host_s_and_drop_ins_amend_it(tmp_path: Path) -> None:
    host = {"etc/containers/registries.conf": SEARCH.format("host.example.org")}
    assert configured(tmp_path, host).search == ["host.example.org"]
    own = {"home/.config/containers/registries.conf": SEARCH.format("own.example.org")}
    assert configured(tmp_path, own).search == ["own.example.org"]
    part = {"etc/containers/registries.conf.d/1.conf": '[[registry]]\nlocation = "x.example.org"\n'}
    amended = configured(tmp_path, part)
    assert amended.search == ["own.example.org"]
    assert [item.location for item in amended.registries] == ["x.example.org"]
    named = tmp_path / "named.conf"
    named.write_text(SEARCH.format("named.example.org"))
    alone = configured(tmp_path, {}, CONTAINERS_REGISTRIES_CONF=str(named))
    assert alone == Containers(search=["named.example.org"])


def test_hosts_whose_certificates_need_no_check_are_listed(tmp_path: Path) -> None:
    conf = (
        '[[registry]]\nprefix = "example.org"\nlocation = "a.example.org:1/x"\ninsecure = true\n'
        '[[registry.mirror]]\nlocation = "b.example.org/y"\ninsecure = true\n'
        '[[registry]]\nprefix = "*.example.net"\ninsecure = true\n'
    )
    daemon = json.dumps({"insecure-registries": ["c.example.org:5000", "10.0.0.0/8"]})
    files = {"etc/containers/registries.conf": conf, "etc/docker/daemon.json": daemon}
    found = configured(tmp_path, files).unverified()
    assert found == ["a.example.org:1", "b.example.org", "c.example.org:5000"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("etc/containers/registries.conf", "["),
        ("etc/containers/registries.conf", "unqualified-search-registries = 1"),
        ("etc/containers/registries.conf", "[registry]\nlocation = 1"),
        ("etc/docker/daemon.json", "{"),
        ("etc/docker/daemon.json", "[]"),
        ("etc/docker/daemon.json", '{"registry-mirrors": 1}'),
    ],
)
def test_a_malformed_file_is_named(name: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match=f"{name} cannot be read"):
        configured(tmp_path, {name: text})
