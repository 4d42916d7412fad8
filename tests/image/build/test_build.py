import hashlib
import io
import itertools
import json
import os
import tarfile
from pathlib import Path
from typing import NoReturn
from unittest.mock import MagicMock

import pytest

from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.image.build.build import build, build_context, verify
from coldforge.image.build.builder import BuiltImage
from coldforge.image.filesystem.member import Member
from coldforge.image.layers.context import BuildContext
from coldforge.image.oci.layout import Descriptor
from coldforge.paths import Workspace
from coldforge.stack.lock import Lock, write_lock


def unwanted() -> NoReturn:
    raise AssertionError("an engine was asked for")


def built(space: Workspace, scratch: Path | None = None) -> BuiltImage:
    return build(build_context(space, "tiny", scratch), unwanted)


def test_an_assembled_image_needs_no_engine(tiny: Workspace) -> None:
    made = built(tiny)
    layout = build_context(tiny, "tiny").layout
    manifest = layout.read(layout.tags()["tiny"]["digest"])
    assert manifest["config"]["digest"] == made.config.digest
    with tarfile.open(layout.blob(made.layers["hello"].digest)) as archive:
        (info,) = archive.getmembers()
        assert (info.name, info.mode, info.mtime) == ("hello.txt", 0o644, 1735689600)
        assert archive.extractfile(info).read() == b"hello\n"  # type: ignore[union-attr]


def test_every_blob_lies_under_its_digest(tiny: Workspace) -> None:
    made = built(tiny)
    for blob in (tiny.build / "oci" / "blobs" / "sha256").iterdir():
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    assert json.loads(json.dumps(made.json()))["digest"] == made.manifest.digest


def test_the_config_says_what_it_was_built_from(tiny: Workspace) -> None:
    made = built(tiny)
    labels = build_context(tiny, "tiny").layout.read(made.config.digest)["config"]["Labels"]
    lock = hashlib.sha256(tiny.lock("tiny").read_bytes()).hexdigest()
    assert labels["coldforge.lock"] == f"sha256:{lock}"
    assert labels["coldforge.stack"] == "tiny"
    assert labels["org.opencontainers.image.revision"] == "unknown"


def test_a_second_build_makes_nothing(tiny: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    first = built(tiny)
    monkeypatch.setattr("coldforge.image.layers.make.assembled_layer", None)
    assert built(tiny) == first


def test_a_lost_blob_is_made_again(tiny: Workspace) -> None:
    first = built(tiny)
    build_context(tiny, "tiny").layout.blob(first.layers["hello"].digest).unlink()
    assert built(tiny) == first
    assert build_context(tiny, "tiny").layout.blob(first.layers["hello"].digest).exists()


def test_a_changed_file_changes_the_layer_and_a_touched_one_does_not(tiny: Workspace) -> None:
    first = built(tiny)
    os.utime(tiny.root / "hello.txt", (1, 1))
    assert built(tiny) == first
    (tiny.root / "hello.txt").write_text("hallo\n", "utf-8")
    assert built(tiny).layers["hello"].digest != first.layers["hello"].digest


def test_nothing_of_the_host_reaches_the_digest(
    tiny: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = built(tiny)
    moved = Workspace(tiny.root.rename(tmp_path / "elsewhere"))
    (moved.root / "hello.txt").chmod(0o600)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.chdir("/")
    before = os.umask(0o077)
    try:
        again = built(moved, tmp_path / "scratch")
    finally:
        os.umask(before)
    assert again == first


def test_a_layer_that_fails_leaves_no_record_and_no_blob(tiny: Workspace) -> None:
    (tiny.root / "docker" / "layers" / "hello" / "layer.toml").write_text(
        'summary = ""\n[inputs]\nfiles = { "again.txt" = "/a", "hello.txt" = "/a/b" }\n', "utf-8"
    )
    (tiny.root / "again.txt").write_text("again", "utf-8")
    with pytest.raises(ColdforgeError, match="/a/b would be written through the file /a"):
        built(tiny)
    assert [path for path in tiny.build.rglob("*") if path.is_file()] == []


def test_an_input_that_the_checkout_lacks_is_named(tiny: Workspace) -> None:
    (tiny.root / "hello.txt").unlink()
    with pytest.raises(ColdforgeError, match=r"hello\.txt is not there"):
        built(tiny)


def test_a_blob_that_the_mirror_lacks_is_named_with_what_to_run(trio: Workspace) -> None:
    for blob in (trio.mirror / "blobs" / "sha256").glob("*/*"):
        blob.unlink()
    with pytest.raises(ColdforgeError, match="the mirror lacks dash 1") as caught:
        build(build_context(trio, "trio"), unwanted)
    assert caught.value.hint == "run: ./invokew mirror.fetch --stack trio"


def test_an_unknown_stack_lists_the_known_ones(tiny: Workspace) -> None:
    with pytest.raises(UnknownNameError) as caught:
        build_context(tiny, "gpu")
    assert caught.value.hint == "known: tiny"


def test_a_lock_of_another_stack_says_which_entry_and_what_to_run(tiny: Workspace) -> None:
    write_lock(tiny.lock("tiny"), Lock(1, "tiny", {"hello": ["debian:dash"]}, [], []))
    with pytest.raises(ColdforgeError, match="'debian:dash' for hello") as caught:
        build_context(tiny, "tiny")
    assert caught.value.hint == "run: ./invokew stack.lock --stack tiny"


def test_an_engine_that_is_gone_is_one_line(tiny: Workspace) -> None:
    import requests.exceptions

    recipe = tiny.layers / "hello" / "layer.toml"
    recipe.write_text('summary = ""\nscript = "build.sh"\n', "utf-8")
    (tiny.layers / "hello" / "build.sh").write_text("true\n", "utf-8")
    client = MagicMock()
    client.api.inspect_image.side_effect = requests.exceptions.ConnectionError("refused")
    with pytest.raises(ColdforgeError, match="Docker stopped answering during the build"):
        build(build_context(tiny, "tiny"), lambda: client)
    assert not list(tiny.build.rglob(".part-*"))
    assert not (tiny.build / "cache").exists()


def test_verify_finds_two_builds_the_same_and_tidies_up(tiny: Workspace) -> None:
    verdicts = verify(tiny, "tiny", MagicMock())
    assert [(verdict.name, verdict.same) for verdict in verdicts] == [
        ("hello", True),
        ("image", True),
    ]
    assert not (tiny.build / "verify").exists()


def test_verify_names_what_differs_and_keeps_it(
    tiny: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = itertools.count()

    def drift(context: BuildContext, *_: object) -> Descriptor:
        data = b"build %d" % next(count)
        member = Member("hello.txt", "file", 0o644, size=len(data))
        return context.write(lambda writer: writer.add(member, io.BytesIO(data)))

    monkeypatch.setattr("coldforge.image.layers.make.assembled_layer", drift)
    verdicts = verify(tiny, "tiny", MagicMock())
    assert [verdict.same for verdict in verdicts] == [False, False]
    assert verdicts[0].differs == ["/hello.txt: content differs from byte 6"]
    assert (tiny.build / "verify").exists()
