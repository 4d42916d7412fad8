import socket
import struct
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.image.containers.attached_stream import LINE, AttachedStream, ContainerLostError


def frame(text: bytes) -> bytes:
    return struct.pack(">BxxxL", 1, len(text)) + text


def soon() -> float:
    return time.monotonic() + 5


@pytest.fixture
def pair() -> Iterator[tuple[AttachedStream, socket.socket]]:
    near, far = socket.socketpair()
    wire = AttachedStream(near)
    yield wire, far
    wire.close()
    far.close()


@given(st.lists(st.binary(min_size=1, max_size=9), min_size=1), st.integers(1, 20))
def test_lines_do_not_depend_on_how_the_engine_cuts_them(parts: list[bytes], step: int) -> None:
    text = b"".join(parts).replace(b"\n", b"") + b"\n"
    sent = frame(text[:step]) + frame(b"") + frame(text[step:] + b"second\n")
    near, far = socket.socketpair()
    wire = AttachedStream(near)
    for at in range(0, len(sent), step):
        far.sendall(sent[at : at + step])
    assert wire.line(soon()) == text[:-1]
    assert wire.line(soon()) == b"second"
    wire.close()
    far.close()


def test_a_line_that_does_not_come_is_not_waited_for(
    pair: tuple[AttachedStream, socket.socket],
) -> None:
    pair[1].sendall(frame(b"half a line"))
    started = time.monotonic()
    assert pair[0].line(started + 0.1) is None
    assert time.monotonic() - started < 2


def test_output_without_end_is_cut(pair: tuple[AttachedStream, socket.socket]) -> None:
    pair[1].sendall(frame(b"x" * LINE))
    assert pair[0].line(soon()) == b"x" * LINE


def test_an_end_without_a_line_is_a_loss(pair: tuple[AttachedStream, socket.socket]) -> None:
    pair[1].sendall(frame(b"last words"))
    pair[1].close()
    with pytest.raises(ContainerLostError):
        pair[0].line(soon())


def test_what_is_sent_to_a_container_that_ended_is_no_error(
    pair: tuple[AttachedStream, socket.socket],
) -> None:
    pair[1].close()
    pair[0].send(b"x" * (1 << 20), soon())
