import base64
import json
import logging
import os
import random
import signal
import stat
from pathlib import Path
from typing import Any

import pytest

from coldforge.deploy.image import Image
from coldforge.deploy.push import Pushed, push
from coldforge.deploy.target import Target, parse_target
from coldforge.errors import ColdforgeError, UnreachableError
from coldforge.image.layout import Layout
from tests.deploy.conftest import Make, digest_of
from tests.deploy.registry_server import INDEX, Shelf

BIG = random.Random(1).randbytes(5500)  # six pieces
SMALL = b"small"
SBOM = "application/vnd.cyclonedx+json"


@pytest.fixture
def target(shelf: Shelf) -> Target:
    return parse_target(f"{shelf.host}/team/demo:1")


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "push"


def unfinished(notes: Path) -> list[Path]:
    return list(notes.glob("*/*/*.json"))


def cut_off(shelf: Shelf, image: Image, target: Target, notes: Path) -> None:
    """Push until the registry has 2345 bytes of blobs, then die as suddenly as a process can."""

    def die(*_: Any) -> None:
        raise MemoryError

    shelf.patience = 2345
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("coldforge.deploy.remote.Remote._pause", die)
        with pytest.raises(MemoryError):
            push(image, target, notes)


def blobs_of(image: Image) -> int:
    """Count the bytes of config and layers."""
    parts = [image.document["config"], *image.document["layers"]]
    return sum(part["size"] for part in parts)


def test_a_push_brings_every_blob_then_the_manifest_then_the_tag(
    shelf: Shelf, image: Make, target: Target, notes: Path
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
    shelf: Shelf, image: Make, target: Target, notes: Path
) -> None:
    push(image(BIG, SMALL), target, notes)
    before = shelf.received
    done = push(image(BIG, SMALL), target, notes)
    assert (done.sent, done.size, done.present) == (0, 0, 3)
    assert shelf.received == before


def test_only_the_new_layer_of_a_new_image_is_sent(
    shelf: Shelf, image: Make, target: Target, notes: Path
) -> None:
    push(image(BIG, SMALL), target, notes)
    before = shelf.received
    made = image(BIG, b"other")
    assert push(made, target, notes).sent == 2
    assert shelf.received - before == 5 + made.document["config"]["size"]


def test_another_repository_of_the_registry_gives_its_blobs(
    shelf: Shelf, image: Make, target: Target, notes: Path
) -> None:
    push(image(BIG, SMALL), target, notes)
    before = shelf.received
    done = push(image(BIG, SMALL), parse_target(f"{shelf.host}/other/demo"), notes)
    assert (done.mounted, done.sent) == (3, 0)
    assert shelf.received == before
    assert shelf.blobs["other/demo"] == shelf.blobs["team/demo"]


def test_a_holder_that_lost_a_blob_means_that_it_is_sent(
    shelf: Shelf, image: Make, target: Target, notes: Path
) -> None:
    push(image(BIG), target, notes)
    shelf.blobs.clear()
    done = push(image(BIG), parse_target(f"{shelf.host}/other/demo"), notes)
    assert (done.mounted, done.sent) == (0, 2)


def test_a_connection_that_breaks_in_a_piece_costs_no_byte_twice(
    shelf: Shelf, image: Make, target: Target, notes: Path
) -> None:
    made = image(BIG)
    shelf.patience = 2345
    push(made, target, notes)
    assert shelf.blobs["team/demo"][digest_of(BIG)] == BIG
    assert shelf.received == blobs_of(made)


def test_a_killed_push_goes_on_where_the_registry_says_it_stopped(
    shelf: Shelf, image: Make, target: Target, notes: Path
) -> None:
    made = image(BIG)
    cut_off(shelf, made, target, notes)
    assert len(unfinished(notes)) == 1
    push(made, target, notes)
    assert shelf.blobs["team/demo"][digest_of(BIG)] == BIG
    assert shelf.received == blobs_of(made)
    assert unfinished(notes) == []


def test_an_upload_that_the_registry_forgot_begins_at_zero(
    shelf: Shelf, image: Make, target: Target, notes: Path
) -> None:
    made = image(BIG)
    cut_off(shelf, made, target, notes)
    shelf.forgotten |= set(range(len(shelf.uploads)))
    push(made, target, notes)
    assert shelf.blobs["team/demo"][digest_of(BIG)] == BIG


def test_a_spoilt_resumption_is_tried_once_from_zero(
    shelf: Shelf, image: Make, target: Target, notes: Path
) -> None:
    made = image(BIG)
    cut_off(shelf, made, target, notes)
    for held in shelf.uploads:
        held[:3] = b"XXX"
    push(made, target, notes)
    assert shelf.blobs["team/demo"][digest_of(BIG)] == BIG


@pytest.mark.parametrize("note", [b"", b"[]", b"{", b'{"location": 3}', b'{"location": "/v2/"}'])
def test_a_spoilt_note_is_no_hindrance(
    shelf: Shelf, image: Make, target: Target, notes: Path, note: bytes
) -> None:
    made = image(BIG)
    cut_off(shelf, made, target, notes)
    (left,) = unfinished(notes)
    left.write_bytes(note)
    push(made, target, notes)
    assert shelf.blobs["team/demo"][digest_of(BIG)] == BIG


def test_passing_failures_are_waited_out(
    shelf: Shelf, image: Make, target: Target, notes: Path
) -> None:
    shelf.fails = [(503,), (500,), (429,)]
    assert push(image(BIG), target, notes).sent == 2


def test_a_registry_that_keeps_failing_is_quoted_and_the_rest_stops(
    shelf: Shelf, image: Make, target: Target, notes: Path
) -> None:
    detail = {"errors": [{"message": "unknown error", "detail": "no space left on device"}]}
    shelf.fails = [(500, {}, json.dumps(detail).encode())] * 50
    with pytest.raises(UnreachableError, match="no space left on device") as caught:
        push(image(BIG, SMALL), target, notes)
    assert "free disk" in caught.value.hint
    assert "\n" not in caught.value.message


def test_a_refused_digest_is_the_registrys_fault_or_ours(
    shelf: Shelf, image: Make, target: Target, notes: Path
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
    monkeypatch.setattr("coldforge.mirror.origins.containers.Containers._is_insecure", lambda *_: 0)
    target = parse_target(f"{shelf.host}/demo")
    with pytest.raises(UnreachableError) as caught:
        push(image(SMALL), target, notes)
    assert "insecure-registries" in caught.value.hint
    assert shelf.asked == []
    text = f'[[registry]]\nlocation = "{shelf.host}"\ninsecure = true\n'
    (tmp_path / "registries.conf").write_text(text)
    assert push(image(SMALL), target, notes).sent == 2


def test_a_blocked_registry_is_not_asked(
    image: Make, shelf: Shelf, target: Target, notes: Path, tmp_path: Path
) -> None:
    text = f'[[registry]]\nlocation = "{shelf.host}"\nblocked = true\n'
    (tmp_path / "registries.conf").write_text(text)
    with pytest.raises(ColdforgeError, match="is blocked"):
        push(image(SMALL), target, notes)
    assert shelf.asked == []


def test_two_pushes_to_one_repository_exclude_each_other(
    image: Make, target: Target, notes: Path
) -> None:
    from coldforge.deploy.sessions import Sessions

    with (
        Sessions(notes, target).held(),
        pytest.raises(ColdforgeError, match=r"another push to .* is under way"),
    ):
        push(image(SMALL), target, notes)


def test_notes_are_nobody_elses(shelf: Shelf, image: Make, target: Target, notes: Path) -> None:
    cut_off(shelf, image(BIG), target, notes)
    (left,) = unfinished(notes)
    assert stat.S_IMODE(left.stat().st_mode) == 0o600
    assert json.loads(left.read_bytes())["offset"] == 2000


def logged_in(shelf: Shelf, tmp_path: Path, secret: str) -> None:
    """Keep a login as `docker login` does; the registry wants one from now on."""
    login = base64.b64encode(f"anna:{secret}".encode()).decode()
    (tmp_path / "docker").mkdir(exist_ok=True)
    config = {"auths": {shelf.host: {"auth": login}}}
    (tmp_path / "docker" / "config.json").write_text(json.dumps(config))
    shelf.login = "Basic " + base64.b64encode(b"anna:the-secret").decode()


def test_a_token_to_push_with_is_asked_for_and_renewed_and_none_is_ever_told(  # noqa: PLR0917
    shelf: Shelf, image: Make, target: Target, notes: Path, tmp_path: Path,
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
    shelf: Shelf, image: Make, target: Target, notes: Path, tmp_path: Path,
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
    shelf: Shelf, image: Make, target: Target, notes: Path, tmp_path: Path
) -> None:
    logged_in(shelf, tmp_path, "wrong")
    with pytest.raises(ColdforgeError, match="denies the push: HTTP 401") as caught:
        push(image(SMALL), target, notes)
    assert f"docker login {shelf.host}" in caught.value.hint
    assert "wrong" not in caught.value.message + caught.value.hint


def with_evidence(layout: Layout, made: Image) -> list[str]:
    """Refer to an image twice, and once to what refers to it; return the manifests."""
    sbom = layout.refer(made.manifest, SBOM, SBOM, b'{"bom": 1}')
    note = layout.refer(made.manifest, "text/plain", "text/plain", b"note", {"by": "anna"})
    about = layout.refer(sbom, "text/plain", "text/plain", b"about the bom")
    return [sbom.digest, note.digest, about.digest]


def test_what_refers_to_the_image_goes_along_and_before_the_tag(
    shelf: Shelf, image: Make, layout: Layout, target: Target, notes: Path
) -> None:
    made = image(SMALL)
    evidence = with_evidence(layout, made)
    assert push(made, target, notes).referrers == 3
    assert shelf.put[0] == made.manifest.digest
    assert set(shelf.put[1:-1]) == set(evidence)
    assert shelf.put[-1] == "1"
    assert digest_of(b"about the bom") in shelf.blobs["team/demo"]
    again = push(made, target, notes)
    assert (again.referrers, again.sent) == (0, 0)


def test_a_registry_without_referrers_gets_them_as_an_index_under_a_tag(
    shelf: Shelf, image: Make, layout: Layout, target: Target, notes: Path
) -> None:
    shelf.refers = False
    made = image(SMALL)
    sbom, note, about = with_evidence(layout, made)
    foreign = {"mediaType": "x", "digest": "sha256:" + "0" * 64, "size": 1}
    tag = made.manifest.digest.replace(":", "-")
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [foreign]}
    shelf.manifests["team/demo"] = {tag: json.dumps(index).encode()}
    push(made, target, notes)
    held = json.loads(shelf.manifests["team/demo"][tag])
    assert held["manifests"][0] == foreign
    assert {entry["digest"] for entry in held["manifests"][1:]} == {sbom, note}
    (bom,) = (entry for entry in held["manifests"] if entry["digest"] == sbom)
    assert bom["artifactType"] == SBOM
    above = json.loads(shelf.manifests["team/demo"][sbom.replace(":", "-")])
    assert [entry["digest"] for entry in above["manifests"]] == [about]
    puts = len(shelf.put)
    assert push(made, target, notes).referrers == 0
    assert shelf.put[puts:] == [made.manifest.digest, "1"]


def test_a_tag_that_is_no_list_of_referrers_is_left_alone(
    shelf: Shelf, image: Make, layout: Layout, target: Target, notes: Path
) -> None:
    shelf.refers = False
    made = image(SMALL)
    with_evidence(layout, made)
    tag = made.manifest.digest.replace(":", "-")
    shelf.manifests["team/demo"] = {tag: b'{"mediaType": "else"}'}
    with pytest.raises(ColdforgeError, match="lists something else than referrers"):
        push(made, target, notes)


@pytest.mark.parametrize("before", [signal.SIG_DFL, signal.SIG_IGN])
def test_a_hangup_interrupts_at_the_end_of_a_piece_unless_it_is_ignored(
    shelf: Shelf, image: Make, target: Target, notes: Path,
    monkeypatch: pytest.MonkeyPatch, before: signal.Handlers,
) -> None:  # fmt: skip
    send = shelf.RequestHandlerClass._go_on
    made = image(BIG)

    def hung(self: Any, *words: Any) -> None:
        if self.command == "PATCH" and not shelf.received:
            os.kill(os.getpid(), signal.SIGHUP)
        send(self, *words)

    monkeypatch.setattr(shelf.RequestHandlerClass, "_go_on", hung)
    held = signal.signal(signal.SIGHUP, before)
    try:
        if before is signal.SIG_IGN:
            push(made, target, notes)
        else:
            with pytest.raises(KeyboardInterrupt):
                push(made, target, notes)
            assert json.loads(unfinished(notes)[0].read_bytes())["offset"] % 1000 == 0
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
            push(made, target, notes)
        assert shelf.received == blobs_of(made)
    finally:
        signal.signal(signal.SIGHUP, held)
