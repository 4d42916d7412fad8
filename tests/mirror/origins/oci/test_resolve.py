import json
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.mirror.fetch import fetch
from coldforge.mirror.http import registry as module
from coldforge.mirror.http import retry
from coldforge.mirror.origins.oci.resolve import RegistryLocator, resolve_image
from coldforge.mirror.store import Store
from coldforge.stack.lock import Entry, _relative
from tests.mirror.registry_server import TOKEN, Registry, named

AMD, ARM = "linux/amd64", "linux/arm64"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Registry]:
    """A registry that the user's configuration names, and nobody logged in."""
    with Registry() as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        conf = tmp_path / "registries.conf"
        conf.write_text(f'unqualified-search-registries = ["{server.host}"]\n')
        monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(conf))
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setattr(retry, "BACKOFF", 0.001)
        yield server
        server.shutdown()


def locked(image: str, platform: str = AMD, previous: list[Entry] | None = None) -> list[Entry]:
    return resolve_image(image, "base", platform, previous or [])


def fetched(entries: list[Entry], tmp_path: Path) -> Store:
    store = Store(tmp_path / "blobs")
    fetch(store, entries, {"registry": RegistryLocator})
    return store


def test_an_image_is_its_manifest_config_and_layers_in_order(registry: Registry) -> None:
    image = registry.image("a/b", [b"one", b"two", b"one"])
    entries = locked(named("a/b", image))
    assert [entry.name for entry in entries] == [
        "a/b manifest", "a/b config", "a/b layer 01", "a/b layer 02", "a/b layer 03",
    ]  # fmt: skip
    assert entries[2].sha256 == entries[4].sha256 != entries[3].sha256
    assert [entry.size for entry in entries[2:]] == [3, 3, 3]
    assert {entry.version for entry in entries} == {f"linux/amd64@{image['digest'][7:19]}"}


def test_a_lock_of_it_names_no_host(registry: Registry) -> None:
    for entry in locked(named("a/b", registry.image("a/b", [b"one"]))):
        assert _relative(entry.path)
        assert "127.0.0.1" not in repr(entry)


def test_of_an_index_the_platform_s_image_is_taken_and_the_index_kept(registry: Registry) -> None:
    images = [registry.image("a/b", [b"arm"], ARM), registry.image("a/b", [b"amd"])]
    index = registry.index("a/b", images)
    entries = locked(named("a/b", index))
    held = {entry.name: entry.sha256 for entry in entries}
    assert held["a/b index"] == index["digest"].removeprefix("sha256:")
    assert held["a/b manifest"] == images[1]["digest"].removeprefix("sha256:")


def test_a_platform_the_index_lacks_is_named_with_those_it_has(registry: Registry) -> None:
    index = registry.index("a/b", [registry.image("a/b", [b"arm"], ARM)])
    with pytest.raises(ColdforgeError, match="has no image for linux/amd64") as caught:
        locked(named("a/b", index))
    assert caught.value.hint == "it has: linux/arm64"


def test_an_image_of_another_platform_is_refused(registry: Registry) -> None:
    image = registry.image("a/b", [b"arm"], ARM)
    with pytest.raises(ColdforgeError, match="is for linux/arm64, the stack for linux/amd64"):
        locked(named("a/b", image))


def test_other_bytes_than_the_digest_says_are_refused(registry: Registry) -> None:
    image = registry.image("a/b", [b"one"])
    registry.blobs[f"/v2/a/b/manifests/{image['digest']}"] += b" "
    with pytest.raises(ColdforgeError, match="other bytes than the digest says"):
        locked(named("a/b", image))


def test_a_size_that_is_not_the_descriptor_s_is_refused(registry: Registry) -> None:
    image = registry.image("a/b", [b"one"])
    index = registry.index("a/b", [image | {"size": 5}])
    with pytest.raises(ColdforgeError, match=f"{image['size']} bytes instead of 5"):
        locked(named("a/b", index))


def test_a_config_of_fewer_layers_than_the_manifest_is_refused(registry: Registry) -> None:
    with pytest.raises(ColdforgeError, match="disagree on the number of layers"):
        locked(named("a/b", registry.image("a/b", [b"one", b"two"], diffs=1)))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"no json", "is not a container image"),
        (b'{"schemaVersion": 1}', "neither an index nor a manifest"),
        (b'{"schemaVersion": 2, "manifests": [{"digest": "md5:1", "size": 1}]}', "not a sha256"),
    ],
)
def test_what_is_no_image_is_refused(document: bytes, message: str, registry: Registry) -> None:
    with pytest.raises(ColdforgeError, match=message):
        locked(named("a/b", registry.put("a/b", "manifests", document)))


def test_an_artifact_is_refused_by_its_layer_s_type(registry: Registry) -> None:
    image = registry.image("a/b", [b"one"])
    text = registry.blobs[f"/v2/a/b/manifests/{image['digest']}"]
    document = registry.put("a/b", "manifests", text.replace(b"layer.v1.tar+gzip", b"note"))
    with pytest.raises(ColdforgeError, match="is not a file system"):
        locked(named("a/b", document))


def test_what_no_registry_has_is_refused_with_what_to_configure(registry: Registry) -> None:
    with pytest.raises(ColdforgeError, match=r"no registry has a/b@.*: 127.*: HTTP 404") as caught:
        locked("a/b@sha256:" + "0" * 64)
    assert "unqualified-search-registries" in caught.value.hint
    assert "docker login" not in caught.value.hint


def test_the_same_digest_locked_again_asks_nobody(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = named("a/b", registry.index("a/b", [registry.image("a/b", [b"one"])]))
    other = named("a/b", registry.image("a/b", [b"two"]))
    entries = locked(image)
    elsewhere = Entry("other", "registry", "a/b index", "1", "a/b/blobs/sha256:1", 1, "0" * 64)
    registry.asked.clear()
    assert locked(image, previous=[elsewhere, *entries]) == entries
    assert registry.asked == []
    assert locked(other, previous=entries)[0].sha256 == other.partition(":")[2]
    with pytest.raises(ColdforgeError, match="has no image for linux/arm64"):
        locked(image, ARM, previous=entries)


def test_every_blob_can_be_fetched(registry: Registry, tmp_path: Path) -> None:
    image = registry.index("a/b", [registry.image("a/b", [b"one", b"two"])])
    entries = locked(named("a/b", image))
    store = fetched(entries, tmp_path)
    assert all(store.intact(store.path(entry.sha256)) for entry in entries)


def test_a_layer_other_than_its_digest_is_not_taken(registry: Registry, tmp_path: Path) -> None:
    entries = locked(named("a/b", registry.image("a/b", [b"one"])))
    (layer,) = [entry for entry in entries if "layer" in entry.name]
    registry.blobs[f"/v2/{layer.path}"] = b"eno"
    with pytest.raises(MissingInputError):
        fetched(entries, tmp_path)
    assert not Store(tmp_path / "blobs").has(layer.sha256, layer.size)


def test_an_entry_of_another_origin_has_no_url_here(registry: Registry) -> None:
    entry = Entry("base", "python", "six", "1", "six-1.whl", 1, "0" * 64)
    assert list(RegistryLocator(registry.containers).candidates(entry)) == []


def test_a_token_is_fetched_when_the_registry_wants_one(registry: Registry, tmp_path: Path) -> None:
    image = registry.image("a/b", [b"one", b"two"])
    registry.ask_for_tokens()
    entries = locked(named("a/b", image))
    fetched(entries, tmp_path)
    assert set(registry.scopes) == {"repository:a/b:pull"}
    assert not any(TOKEN in path for path, _ in registry.asked)


def test_a_log_in_is_told_to_the_token_s_giver_alone(registry: Registry, tmp_path: Path) -> None:
    image = named("a/b", registry.image("a/b", [b"one"]))
    registry.ask_for_tokens()
    registry.login = "Basic bWU6c2VjcmV0"
    with pytest.raises(ColdforgeError, match="HTTP 401") as caught:
        locked(image)
    assert f"docker login {registry.host}" in caught.value.hint
    (tmp_path / "config.json").write_text(
        json.dumps({"auths": {registry.host: {"auth": "bWU6c2VjcmV0"}}})
    )
    registry.asked.clear()
    assert locked(image)
    told = {path.partition("?")[0] for path, given in registry.asked if given.startswith("Basic")}
    assert told == {"/token"}


def test_a_refresh_token_is_posted(registry: Registry, tmp_path: Path) -> None:
    image = named("a/b", registry.image("a/b", [b"one"]))
    registry.ask_for_tokens()
    registry.login = "refresh"
    logins = {registry.host: {"auth": "", "identitytoken": "refresh"}}
    (tmp_path / "config.json").write_text(json.dumps({"auths": logins}))
    assert locked(image)
    assert any("grant_type=refresh_token" in body for _, body in registry.asked)
    assert not any("refresh" in path for path, _ in registry.asked)


def test_a_helper_s_credentials_are_sent_to_a_registry_that_wants_basic(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = named("a/b", registry.image("a/b", [b"one"]))
    registry.challenge, registry.accepted = 'Basic realm="here"', {"Basic bWU6c2VjcmV0"}
    helper = tmp_path / "docker-credential-demo"
    helper.write_text('#!/bin/sh\necho \'{"Username": "me", "Secret": "secret"}\'\n')
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    (tmp_path / "config.json").write_text(json.dumps({"credHelpers": {registry.host: "demo"}}))
    assert locked(image)


def test_a_redirect_takes_no_token_to_another_host(registry: Registry, tmp_path: Path) -> None:
    entries = locked(named("a/b", registry.image("a/b", [b"one", b"two"])))
    registry.ask_for_tokens()
    with Registry() as store:
        Thread(target=store.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        store.blobs, registry.moved = registry.blobs, store.base
        fetched(entries, tmp_path)
        assert len(store.asked) == len(entries)
        assert {given for _, given in store.asked} == {""}
        store.shutdown()


def test_a_host_that_is_redirected_to_gets_no_log_in(registry: Registry, tmp_path: Path) -> None:
    entries = locked(named("a/b", registry.image("a/b", [b"one"])))
    with Registry() as store:
        Thread(target=store.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        registry.moved = store.base
        store.ask_for_tokens()
        with pytest.raises(MissingInputError):
            fetched(entries, tmp_path)
        assert store.scopes == []
        store.shutdown()


def test_a_document_without_end_is_not_read_to_it(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST", 10)
    with pytest.raises(ColdforgeError, match="not a document"):
        locked(named("a/b", registry.image("a/b", [b"one"])))
