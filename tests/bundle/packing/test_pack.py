import base64
import errno
import hashlib
import os
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coldforge.bundle.format.index import TYPE, Index, decode, encode
from coldforge.bundle.format.volume import FOOTER, MAGIC
from coldforge.bundle.packing import pack as module
from coldforge.bundle.packing.pack import pack
from coldforge.errors import ColdforgeError
from coldforge.trust.envelope import Signature, is_valid
from coldforge.trust.keys import Key, public_text
from tests.bundle.bundles import TOOL, contents, contents_of, make_item, read_files
from tests.synced import record_syncs

CONTENT = {f"item {n}": Random(n).randbytes(n * 50_000) for n in range(1, 9)}
SPLIT = 700_000
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


def volumes(out: Path) -> list[Path]:
    return sorted(out.glob("*.cfv"))


def payload(out: Path, index: Index, number: int) -> bytes:
    data = (out / f"volume-{number:03}.cfv").read_bytes()
    return data[: index.volumes[number - 1].size]


def unpacked(out: Path, index: Index) -> dict[str, bytes]:
    return {
        item.name: b"".join(
            payload(out, index, part.volume)[part.offset : part.offset + part.size]
            for part in item.parts
        )
        for item in index.items
    }


def test_every_item_can_be_read_back(tmp_path: Path) -> None:
    index = pack(tmp_path / "out", contents_of(tmp_path / "in", CONTENT), SPLIT, 0.1)
    assert unpacked(tmp_path / "out", index) == CONTENT
    assert len(index.volumes) > 2
    assert len(index.parity_volumes) >= 1


def test_the_index_tells_the_digest_of_every_payload_and_shard(tmp_path: Path) -> None:
    out = tmp_path / "out"
    index = pack(out, contents_of(tmp_path / "in", CONTENT), SPLIT, 0.2)
    assert index.parity is not None
    for number, volume in enumerate(index.volumes, 1):
        data = payload(out, index, number)
        assert hashlib.sha256(data).hexdigest() == volume.sha256
        shards = [data[at : at + 65536] for at in range(0, len(data), 65536)]
        short = b"".join(hashlib.sha256(shard).digest()[:8] for shard in shards)
        assert base64.b64decode(volume.shards) == short
    data = b"".join(
        (out / f"parity-{number:03}.cfv").read_bytes()[: volume.size]
        for number, volume in enumerate(index.parity_volumes, 1)
    )
    assert len(data) == index.parity.parity * index.parity.groups * index.parity.shard


def test_each_volume_says_which_bundle_it_belongs_to(tmp_path: Path) -> None:
    out = tmp_path / "out"
    index = pack(out, contents_of(tmp_path / "in", CONTENT), SPLIT, 0.1, [KEY])
    for path in volumes(out):
        data = path.read_bytes()
        magic, _sort, _number, size, packed, signed, digest = FOOTER.unpack(data[-FOOTER.size :])
        assert magic == MAGIC
        assert size + packed + signed + FOOTER.size == len(data) <= SPLIT
        assert zlib.decompress(data[size : size + packed]) == encode(index)
        signatures = zlib.decompress(data[size + packed : size + packed + signed])
        assert signatures == (out / "signatures.json").read_bytes()
        assert digest == hashlib.sha256((out / "index.json").read_bytes()).digest()


def test_the_index_is_signed_by_every_key(tmp_path: Path) -> None:
    other = Ed25519PrivateKey.from_private_bytes(b"1" * 32)
    pack(tmp_path / "out", contents_of(tmp_path / "in", CONTENT), keys=[KEY, other])
    data = (tmp_path / "out" / "index.json").read_bytes()
    said = msgspec.json.decode((tmp_path / "out" / "signatures.json").read_bytes())
    found = msgspec.convert(said["signatures"], list[Signature])
    for key, signature in zip((KEY, other), found, strict=True):
        assert is_valid(Key("a", public_text(key)), TYPE, data, signature)
    assert said["trust"] == []


def test_nothing_is_left_but_the_bundle(tmp_path: Path) -> None:
    pack(tmp_path / "out", contents_of(tmp_path / "in", {"a": b"a"}))
    names = {"README.txt", "index.json", "receive", "signatures.json", "volume-001.cfv"}
    assert set(read_files(tmp_path / "out")) - {"receive"} == names - {"receive"}


def test_the_tool_lies_first(tmp_path: Path) -> None:
    project = hashlib.sha256(CONTENT["item 5"]).hexdigest()
    tool = msgspec.structs.replace(TOOL, project=project)
    index = pack(tmp_path / "out", contents_of(tmp_path / "in", CONTENT, tool=tool), SPLIT)
    assert index.items[0].name == "item 5"
    assert [item.name for item in index.items[1:]] == [name for name in CONTENT if name != "item 5"]


def test_an_empty_item_and_no_item_at_all_can_be_packed(tmp_path: Path) -> None:
    index = pack(tmp_path / "one", contents_of(tmp_path / "in", {"empty": b""}), 0, 0.1)
    assert index.items[0].parts == []
    assert (index.volumes, index.parity) == ([], None)
    assert pack(tmp_path / "none", contents_of(tmp_path / "in", {})).volumes == []


def test_the_same_blob_twice_is_packed_once(tmp_path: Path) -> None:
    made = contents_of(tmp_path / "in", {"a": b"same", "b": b"same"})
    assert [item.name for item in pack(tmp_path / "out", made).items] == ["a"]


def test_a_damaged_blob_stops_the_packing_by_name(tmp_path: Path) -> None:
    made = contents_of(tmp_path / "in", {"torch 2.13.0": b"right"})
    made.items[0].path.write_bytes(b"wrong")
    with pytest.raises(ColdforgeError, match=r"torch 2.13.0 .* is damaged here") as caught:
        pack(tmp_path / "out", made)
    assert "./invokew mirror.verify" in caught.value.hint
    assert volumes(tmp_path / "out") == []


def test_damaged_packed_bytes_are_found_by_their_own_digest(tmp_path: Path) -> None:
    good = hashlib.sha256(b"packed").hexdigest()
    item = make_item(tmp_path, "layer", b"unpacked", encoding="zstd", digest=good, store="layout")
    item.path.write_bytes(b"pAcked")
    made = contents([item])
    with pytest.raises(ColdforgeError, match=r"layer .* is damaged here") as caught:
        pack(tmp_path / "out", made)
    assert caught.value.hint.startswith("remove ")


def test_a_cut_item_is_proved_though_its_beginning_was_packed_earlier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = contents_of(tmp_path / "in", {"big": Random(1).randbytes(1_500_000)})
    _die_after(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        pack(tmp_path / "out", made, SPLIT)
    monkeypatch.undo()
    path = made.items[0].path
    right = path.read_bytes()
    path.write_bytes(b"?" + right[1:])
    with pytest.raises(ColdforgeError, match=r"big .* is damaged"):
        pack(tmp_path / "out", made, SPLIT)
    path.write_bytes(right)
    assert unpacked(tmp_path / "out", pack(tmp_path / "out", made, SPLIT))["big"] == right


def _die_after(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Let the packing be interrupted before volume `count` + 1."""
    real = module._payload
    done: list[int] = []

    def payload(*arguments: Any) -> Any:
        if len(done) == count:
            raise KeyboardInterrupt
        done.append(1)
        return real(*arguments)

    monkeypatch.setattr(module, "_payload", payload)


def test_finished_volumes_are_kept_and_the_serial_is_the_first_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pack(tmp_path / "whole", contents_of(tmp_path / "in", CONTENT), SPLIT, 0.1, [KEY])
    out = tmp_path / "out"
    _die_after(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt):
        pack(out, contents_of(tmp_path / "in", CONTENT), SPLIT, 0.1, [KEY])
    monkeypatch.undo()
    part = out / "volume-001.cfv.part"
    before = part.stat().st_mtime_ns
    written = []
    real = module._payload
    monkeypatch.setattr(module, "_payload", lambda *a: written.append(a[3]) or real(*a))
    later = contents_of(tmp_path / "in", CONTENT, serial=1_800_000_000)
    assert pack(out, later, SPLIT, 0.1, [KEY]) == whole
    assert written == list(range(3, len(whole.volumes) + 1))
    assert before < (out / "volume-001.cfv").stat().st_mtime_ns  # its trailer
    assert read_files(out) == read_files(tmp_path / "whole")


def test_a_finished_bundle_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    index = pack(out, contents_of(tmp_path / "in", CONTENT), SPLIT, 0.1, [KEY])
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    later = contents_of(tmp_path / "in", CONTENT, serial=1_800_000_000)
    assert pack(out, later, SPLIT, 0.1, [KEY]) == index
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "holiday.jpg").write_bytes(b"sun")
    made = contents_of(tmp_path / "in", CONTENT)
    with pytest.raises(ColdforgeError, match=r"holds holiday.jpg"):
        pack(out, made)
    with pytest.raises(ColdforgeError, match=r"holiday.jpg is a file"):
        pack(out / "holiday.jpg", made)
    (out / "holiday.jpg").unlink()
    (out / "lost+found").mkdir()
    pack(out, made)


@pytest.mark.parametrize("change", ["content", "split", "share", "keys"])
def test_another_bundle_in_the_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    out, made = tmp_path / "out", contents_of(tmp_path / "in", CONTENT)
    plan: dict[str, Any] = {"contents": made, "split": SPLIT, "share": 0.1, "keys": []}
    other = {
        "content": {"contents": contents_of(tmp_path / "in", {"another": b"thing"})},
        "split": {"split": 0},
        "share": {"share": 0.5},
        "keys": {"keys": [KEY]},
    }
    _die_after(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        pack(out, **plan)
    with pytest.raises(ColdforgeError, match="holds the beginning of another bundle"):
        pack(out, **plan | other[change])
    monkeypatch.undo()
    pack(out, **plan)
    with pytest.raises(ColdforgeError, match="holds another bundle"):
        pack(out, **plan | other[change])


def test_a_missing_volume_of_a_finished_bundle_is_named(tmp_path: Path) -> None:
    made = contents_of(tmp_path / "in", CONTENT)
    pack(tmp_path / "out", made, SPLIT)
    (tmp_path / "out" / "volume-002.cfv").unlink()
    with pytest.raises(ColdforgeError, match=r"lacks volume-002.cfv"):
        pack(tmp_path / "out", made, SPLIT)


def test_a_full_disk_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, room = os.pwrite, [1_000_000]

    def pwrite(file: int, data: Any, place: int) -> int:
        if room[0] < len(data):
            raise OSError(errno.ENOSPC, "No space left on device")
        room[0] -= len(data)
        return real(file, data, place)

    made = contents_of(tmp_path / "in", CONTENT)
    monkeypatch.setattr(os, "pwrite", pwrite)
    with pytest.raises(ColdforgeError, match="is full") as caught:
        pack(tmp_path / "out", made, SPLIT)
    assert "the same command continues" in caught.value.hint
    monkeypatch.undo()
    assert unpacked(tmp_path / "out", pack(tmp_path / "out", made, SPLIT)) == CONTENT


def test_a_disk_of_small_files_asks_for_a_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pwrite(*_: Any) -> int:
        raise OSError(errno.EFBIG, "File too large")

    monkeypatch.setattr(os, "pwrite", pwrite)
    with pytest.raises(ColdforgeError) as caught:
        pack(tmp_path / "out", contents_of(tmp_path / "in", CONTENT))
    assert "--split 4G" in caught.value.hint


def test_two_runs_do_not_write_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = contents_of(tmp_path / "in", CONTENT)
    real = module._payload

    def payload(*arguments: Any) -> Any:
        with pytest.raises(ColdforgeError, match="written by another run"):
            pack(tmp_path / "out", made)
        return real(*arguments)

    monkeypatch.setattr(module, "_payload", payload)
    pack(tmp_path / "out", made)


SCRIPT = """\
import sys
from pathlib import Path
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from coldforge.bundle.packing.pack import pack
from tests.bundle.bundles import contents_of
from tests.bundle.packing.test_pack import CONTENT, KEY, SPLIT
place = Path(sys.argv[1])
made = contents_of(place / "in", CONTENT)
print("ready", flush=True)
pack(place / "out", made, SPLIT, 0.3, [KEY])
"""


def test_a_run_killed_at_any_moment_ends_the_same(tmp_path: Path, checkout: Path) -> None:
    random = Random(4)
    whole = contents_of(tmp_path / "in", CONTENT)
    pack(tmp_path / "whole", whole, SPLIT, 0.3, [KEY])
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    for _ in range(8):
        run = subprocess.Popen(command, cwd=checkout, stdout=subprocess.PIPE)
        assert run.stdout
        assert run.stdout.readline() == b"ready\n"
        time.sleep(random.uniform(0, 0.12))
        run.send_signal(signal.SIGKILL)
        run.wait()
        run.stdout.close()
    pack(tmp_path / "out", whole, SPLIT, 0.3, [KEY])
    assert read_files(tmp_path / "out") == read_files(tmp_path / "whole")


def test_what_was_half_written_is_compared_and_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = contents_of(tmp_path / "in", CONTENT)
    pack(tmp_path / "whole", made, SPLIT)
    _die_after(monkeypatch, 0)
    with pytest.raises(KeyboardInterrupt):
        pack(tmp_path / "out", made, SPLIT)
    monkeypatch.undo()
    (tmp_path / "out" / "volume-001.cfv.part").write_bytes(Random(9).randbytes(3_000_000))
    pack(tmp_path / "out", made, SPLIT)
    assert read_files(tmp_path / "out") == read_files(tmp_path / "whole")


def test_what_is_written_can_be_read_as_an_index(tmp_path: Path) -> None:
    index = pack(tmp_path / "out", contents_of(tmp_path / "in", CONTENT), SPLIT, 0.1)
    assert decode((tmp_path / "out" / "index.json").read_bytes()) == index


def test_a_volume_is_on_disk_before_it_has_its_name_and_the_index_is_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = contents_of(tmp_path / "in", CONTENT)
    events = record_syncs(monkeypatch)
    index = pack(tmp_path / "out", made, SPLIT, 0.1)
    names = [path.name for path in volumes(tmp_path / "out")]
    assert len(names) == len(index.volumes) + len(index.parity_volumes)
    for name in (*names, "receive", "README.txt", "signatures.json", "index.json"):
        at = events.index(f"rename {name}")
        assert (events[at - 1], events[at + 1]) == (f"sync {name}.part", "sync out")
    journal = [at for at, event in enumerate(events) if event == "rename .plan.json"]
    for number in range(1, len(index.volumes) + 1):
        written = events.index(f"sync volume-{number:03}.cfv.part")
        assert journal[number - 1] < written < journal[number]
    assert [event for event in events if event.startswith("rename")][-1] == "rename index.json"
