"""What is left of a push that ended, and how the next one goes on."""

import json
import os
import signal
import stat
from pathlib import Path
from typing import Any

import pytest

from coldforge.deploy.push import push
from coldforge.deploy.target import PushTarget
from coldforge.errors import ColdforgeError
from tests.deploy.conftest import Make, digest_of
from tests.deploy.pushing import BIG, SMALL, blobs_of, cut_off, unfinished
from tests.deploy.registry_server import Shelf


def test_a_connection_that_breaks_in_a_piece_costs_no_byte_twice(
    shelf: Shelf, image: Make, target: PushTarget, notes: Path
) -> None:
    made = image(BIG)
    shelf.patience = 2345
    push(made, target, notes)
    assert shelf.blobs["team/demo"][digest_of(BIG)] == BIG
    assert shelf.received == blobs_of(made)


def test_a_killed_push_goes_on_where_the_registry_says_it_stopped(
    shelf: Shelf, image: Make, target: PushTarget, notes: Path
) -> None:
    made = image(BIG)
    cut_off(shelf, made, target, notes)
    assert len(unfinished(notes)) == 1
    push(made, target, notes)
    assert shelf.blobs["team/demo"][digest_of(BIG)] == BIG
    assert shelf.received == blobs_of(made)
    assert unfinished(notes) == []


def test_an_upload_that_the_registry_forgot_begins_at_zero(
    shelf: Shelf, image: Make, target: PushTarget, notes: Path
) -> None:
    made = image(BIG)
    cut_off(shelf, made, target, notes)
    shelf.forgotten |= set(range(len(shelf.uploads)))
    push(made, target, notes)
    assert shelf.blobs["team/demo"][digest_of(BIG)] == BIG


def test_a_spoilt_resumption_is_tried_once_from_zero(
    shelf: Shelf, image: Make, target: PushTarget, notes: Path
) -> None:
    made = image(BIG)
    cut_off(shelf, made, target, notes)
    for held in shelf.uploads:
        held[:3] = b"XXX"
    push(made, target, notes)
    assert shelf.blobs["team/demo"][digest_of(BIG)] == BIG


@pytest.mark.parametrize("note", [b"", b"[]", b"{", b'{"location": 3}', b'{"location": "/v2/"}'])
def test_a_spoilt_note_is_no_hindrance(
    shelf: Shelf, image: Make, target: PushTarget, notes: Path, note: bytes
) -> None:
    made = image(BIG)
    cut_off(shelf, made, target, notes)
    (left,) = unfinished(notes)
    left.write_bytes(note)
    push(made, target, notes)
    assert shelf.blobs["team/demo"][digest_of(BIG)] == BIG


def test_two_pushes_to_one_repository_exclude_each_other(
    image: Make, target: PushTarget, notes: Path
) -> None:
    from coldforge.deploy.upload import Sessions

    with (
        Sessions(notes, target).held(),
        pytest.raises(ColdforgeError, match=r"another push to .* is under way"),
    ):
        push(image(SMALL), target, notes)


def test_notes_are_nobody_elses(shelf: Shelf, image: Make, target: PushTarget, notes: Path) -> None:
    cut_off(shelf, image(BIG), target, notes)
    (left,) = unfinished(notes)
    assert stat.S_IMODE(left.stat().st_mode) == 0o600
    assert json.loads(left.read_bytes())["offset"] == 2000


@pytest.mark.parametrize("before", [signal.SIG_DFL, signal.SIG_IGN])
def test_a_hangup_interrupts_at_the_end_of_a_piece_unless_it_is_ignored(
    shelf: Shelf, image: Make, target: PushTarget, notes: Path,
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
