import base64
import json
import logging
import os
from pathlib import Path

import pytest

from coldforge.deploy.push import Pushed, push
from coldforge.deploy.target import PushTarget, parse_target
from coldforge.errors import ColdforgeError, UnreachableError
from tests.deploy.conftest import Make, digest_of
from tests.deploy.pushing import BIG, SMALL, blobs_of, unfinished
from tests.deploy.registry_server import Shelf


def test_a_push_brings_every_blob_then_the_manifest_then_the_tag(
    shelf: Shelf, image: Make, target: PushTarget, notes: Path
) -> None:
    made = image(BIG, SMALL)
    done = push(made, target, notes)
    assert done == Pushed(str(target), made.manifest.digest, 3, blobs_of(made), 0, 0, 0)
    held = shelf.blobs["team/demo"]
    assert set(held) == {made.document["config"]["digest"], digest_of(BIG), digest_of(SMALL)}
    assert held[digest_of(BIG)] == BIG
    assert shelf.put == [made.manifest.digest, "1"]
    assert digest_of(shelf.manifests["team/demo"]["1"]) == made.manifest.digest
    assert unfinished(notes) == []


def test_a_second_push_sends_no_blob(
    shelf: Shelf, image: Make, target: PushTarget, notes: Path
) -> None:
    push(image(BIG, SMALL), target, notes)
    before = shelf.received
    done = push(image(BIG, SMALL), target, notes)
    assert (done.sent, done.size, done.present) == (0, 0, 3)
    assert shelf.received == before


def test_only_the_new_layer_of_a_new_image_is_sent(
    shelf: Shelf, image: Make, target: PushTarget, notes: Path
) -> None:
    push(image(BIG, SMALL), target, notes)
    before = shelf.received
    made = image(BIG, b"other")
    assert push(made, target, notes).sent == 2
    assert shelf.received - before == 5 + made.document["config"]["size"]


def test_another_repository_of_the_registry_gives_its_blobs(
    shelf: Shelf, image: Make, target: PushTarget, notes: Path
) -> None:
    push(image(BIG, SMALL), target, notes)
    before = shelf.received
    done = push(image(BIG, SMALL), parse_target(f"{shelf.host}/other/demo"), notes)
    assert (done.mounted, done.sent) == (3, 0)
    assert shelf.received == before
    assert shelf.blobs["other/demo"] == shelf.blobs["team/demo"]


def test_a_holder_that_lost_a_blob_means_that_it_is_sent(
    shelf: Shelf, image: Make, target: PushTarget, notes: Path
) -> None:
    push(image(BIG), target, notes)
    shelf.blobs.clear()
    done = push(image(BIG), parse_target(f"{shelf.host}/other/demo"), notes)
    assert (done.mounted, done.sent) == (0, 2)


def test_passing_failures_are_waited_out(
    shelf: Shelf, image: Make, target: PushTarget, notes: Path
) -> None:
    shelf.fails = [(503,), (500,), (429,)]
    assert push(image(BIG), target, notes).sent == 2


def test_a_registry_that_keeps_failing_is_quoted_and_the_rest_stops(
    shelf: Shelf, image: Make, target: PushTarget, notes: Path
) -> None:
    detail = {"errors": [{"message": "unknown error", "detail": "no space left on device"}]}
    shelf.fails = [(500, {}, json.dumps(detail).encode())] * 50
    with pytest.raises(UnreachableError, match="no space left on device") as caught:
        push(image(BIG, SMALL), target, notes)
    assert "free disk" in caught.value.hint
    assert "\n" not in caught.value.message


def test_a_refused_digest_is_the_registrys_fault_or_ours(
    shelf: Shelf, image: Make, target: PushTarget, notes: Path
) -> None:
    shelf.picky = True
    made = image(SMALL)
    with pytest.raises(ColdforgeError, match="provided digest did not match"):
        push(made, target, notes)
    made.layout.blob(digest_of(SMALL)).write_bytes(b"smell")
    shelf.picky = False
    with pytest.raises(ColdforgeError, match=f"{digest_of(SMALL)} holds other bytes here"):
        push(made, target, notes)
    assert "1" not in shelf.manifests.get("team/demo", {})


def test_nobody_answering_is_said_at_once(image: Make, shelf: Shelf, notes: Path) -> None:
    shelf.server_close()
    with pytest.raises(UnreachableError, match=f"no registry answers at {shelf.host}: .*refused"):
        push(image(SMALL), parse_target(f"{shelf.host}/demo"), notes)


def test_a_host_that_does_not_exist_is_said(image: Make, shelf: Shelf, notes: Path) -> None:
    with pytest.raises(UnreachableError, match=r"no registry answers at nowhere\.invalid"):
        push(image(SMALL), parse_target("nowhere.invalid/demo"), notes)


def test_a_registry_without_tls_is_not_talked_to_in_the_clear_unless_the_user_said_so(
    image: Make, shelf: Shelf, notes: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        "coldforge.mirror.settings.registries.Containers._is_insecure", lambda *_: 0
    )
    target = parse_target(f"{shelf.host}/demo")
    with pytest.raises(UnreachableError) as caught:
        push(image(SMALL), target, notes)
    assert "insecure-registries" in caught.value.hint
    assert shelf.asked == []
    text = f'[[registry]]\nlocation = "{shelf.host}"\ninsecure = true\n'
    (tmp_path / "registries.conf").write_text(text)
    assert push(image(SMALL), target, notes).sent == 2


def test_a_blocked_registry_is_not_asked(
    image: Make, shelf: Shelf, target: PushTarget, notes: Path, tmp_path: Path
) -> None:
    text = f'[[registry]]\nlocation = "{shelf.host}"\nblocked = true\n'
    (tmp_path / "registries.conf").write_text(text)
    with pytest.raises(ColdforgeError, match="is blocked"):
        push(image(SMALL), target, notes)
    assert shelf.asked == []


def logged_in(shelf: Shelf, tmp_path: Path, secret: str) -> None:
    """Keep a login as `docker login` does; the registry wants one from now on."""
    login = base64.b64encode(f"anna:{secret}".encode()).decode()
    (tmp_path / "docker").mkdir(exist_ok=True)
    config = {"auths": {shelf.host: {"auth": login}}}
    (tmp_path / "docker" / "config.json").write_text(json.dumps(config))
    shelf.login = "Basic " + base64.b64encode(b"anna:the-secret").decode()


def test_a_token_to_push_with_is_asked_for_and_renewed_and_none_is_ever_told(  # noqa: PLR0917
    shelf: Shelf, image: Make, target: PushTarget, notes: Path, tmp_path: Path,
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    logged_in(shelf, tmp_path, "the-secret")
    assert push(image(BIG), target, notes).sent == 2
    scopes = [path for _, path, _ in shelf.asked if path.startswith("/token")]
    assert any("pull%2Cpush" in path and "team%2Fdemo" in path for path in scopes)
    shelf.granted.clear()  # as if they had run out
    push(image(BIG, SMALL), target, notes)
    told = caplog.text + "".join(capsys.readouterr())
    told += "".join(path.read_text() for path in notes.rglob("*.json"))
    login = shelf.login.removeprefix("Basic ")
    assert not [secret for secret in ("the-secret", "the-token", login) if secret in told]


def test_a_credential_helper_is_asked(
    shelf: Shelf, image: Make, target: PushTarget, notes: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    logged_in(shelf, tmp_path, "")
    helper = tmp_path / "bin" / "docker-credential-test"
    helper.parent.mkdir()
    answer = json.dumps({"Username": "anna", "Secret": "the-secret"})
    helper.write_text(f"#!/bin/sh\ncat >/dev/null\necho '{answer}'\n")
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{helper.parent}:{os.environ['PATH']}")
    config = {"credHelpers": {shelf.host: "test"}}
    (tmp_path / "docker" / "config.json").write_text(json.dumps(config))
    assert push(image(SMALL), target, notes).sent == 2


def test_a_wrong_login_is_denied_with_what_to_do(
    shelf: Shelf, image: Make, target: PushTarget, notes: Path, tmp_path: Path
) -> None:
    logged_in(shelf, tmp_path, "wrong")
    with pytest.raises(ColdforgeError, match="denies the push: HTTP 401") as caught:
        push(image(SMALL), target, notes)
    assert f"docker login {shelf.host}" in caught.value.hint
    assert "wrong" not in caught.value.message + caught.value.hint
