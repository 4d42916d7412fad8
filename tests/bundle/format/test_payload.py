import base64
import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.bundle.format.payload import PayloadWriter
from tests.synced import record_syncs


@given(st.lists(st.binary(max_size=400), max_size=20), st.integers(1, 64), st.binary(max_size=900))
def test_bytes_and_hashes_are_those_of_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes], shard: int, left: bytes
) -> None:
    path = tmp_path_factory.mktemp("payload") / "volume"
    path.write_bytes(left)
    data = b"".join(chunks)
    with PayloadWriter(path, shard) as payload:
        for chunk in chunks:
            payload.write(chunk)
        volume = payload.finish()
    assert path.read_bytes() == data
    assert (volume.size, volume.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    short = [
        hashlib.sha256(data[at : at + shard]).digest()[:8] for at in range(0, len(data), shard)
    ]
    assert base64.b64decode(volume.shards) == b"".join(short)


def test_a_payload_is_on_disk_when_it_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = record_syncs(monkeypatch)
    with PayloadWriter(tmp_path / "volume", 64) as payload:
        payload.write(b"data")
        payload.finish()
        assert events == ["sync volume"]
