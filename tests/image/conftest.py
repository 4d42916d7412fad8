"""Things to build from: layer tars, wheels, and a checkout with a lock, a wheel and a script."""

import base64
import csv
import hashlib
import io
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from coldforge.image.build.build import build_context
from coldforge.image.filesystem.member import Member
from coldforge.image.filesystem.tar import LayerWriter
from coldforge.image.layers.context import BuildContext
from coldforge.mirror.store import Store
from coldforge.paths import Workspace
from coldforge.stack.lock import Entry, Lock, write_lock

EPOCH = 1_700_000_000
Members = Iterable[tuple[Member, bytes]]
TarOf = Callable[[Members], Path]
WheelOf = Callable[..., Path]

STACK = f"""\
summary = "Three layers"
epoch = {EPOCH}
layers = ["base", "python", "top"]
[python]
version = "3.11"
platform = "x86_64-manylinux_2_36"
"""
BASE = """\
summary = "Packages"
script = "build.sh"
check = "check.sh"
probes = "probes"
[inputs]
debian = ["dash"]
[env]
PATH = "/usr/bin"
"""
PYTHON = """\
summary = "Wheels"
[inputs]
python = ["six"]
wheels = ["demo"]
[env]
FROM_PYTHON = "1"
"""
TOP = """\
summary = "A script and a file"
script = "build.sh"
[inputs]
files = { "top.txt" = "/top.txt" }
"""
RELEASE = """\
summary = "A release"
repository = "tree"
commit = ""
versions = {}
[build]
command = ["build.py"]
[carried.sdk]
kind = "archive"
file = "sdk-{version}.tar"
versions = ["2", "1"]
purpose = "what the wheel links"
publisher = "its maker"
"""
WHEEL = """\
summary = "From source"
sdist = "demo==1"
requires = ["setuptools"]
"""


@pytest.fixture
def tar_of(tmp_path: Path) -> TarOf:
    """Write members, in their order, with the project's own writer; return the file."""

    def write(members: Members) -> Path:
        place = tmp_path / f"layer-{len(list(tmp_path.glob('layer-*')))}.tar"
        with place.open("wb") as stream:
            writer = LayerWriter(stream, EPOCH)
            for member, content in members:
                writer.add(member, io.BytesIO(content))
            writer.close()
        return place

    return write


@pytest.fixture
def wheel_of(tmp_path: Path) -> WheelOf:
    """Zip a wheel of `files`, METADATA, WHEEL and RECORD; return the file."""

    def pack(
        files: dict[str, bytes],
        name: str = "demo-1.0-py3-none-any.whl",
        executable: Iterable[str] = (),
        tags: str = "Root-Is-Purelib: true\nTag: py3-none-any\n",
        record: bytes | None = None,
    ) -> Path:
        info = "-".join(name.split("-")[:2]) + ".dist-info"
        content = {
            **files,
            f"{info}/METADATA": b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
            f"{info}/WHEEL": f"Wheel-Version: 1.0\n{tags}".encode(),
        }
        content[f"{info}/RECORD"] = record_of(content, info) if record is None else record
        place = tmp_path / name
        with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, data in content.items():
                member = zipfile.ZipInfo(path, (2020, 2, 2, 2, 2, 2))
                member.external_attr = (0o100755 if path in executable else 0o100644) << 16
                archive.writestr(member, data)
        return place

    return pack


def record_of(content: dict[str, bytes], info: str) -> bytes:
    """List paths, digests and sizes the way the wheel format wants it."""
    lines = io.StringIO()
    rows = csv.writer(lines, lineterminator="\n")
    for path, data in content.items():
        raw = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        rows.writerow((path, f"sha256={raw}", len(data)))
    rows.writerow((f"{info}/RECORD", "", ""))
    return lines.getvalue().encode()


@pytest.fixture
def trio(workspace: Workspace) -> Workspace:
    """A checkout whose stack `trio` has a built, an assembled and again a built layer."""
    files = {
        "docker/stacks/trio.toml": STACK,
        "docker/layers/base/layer.toml": BASE,
        "docker/layers/base/build.sh": "#!/bin/sh\ntrue\n",
        "docker/layers/base/check.sh": "#!/bin/sh\ntrue\n",
        "docker/layers/python/layer.toml": PYTHON,
        "docker/layers/top/layer.toml": TOP,
        "docker/layers/top/build.sh": "#!/bin/sh\ntrue\n",
        "wheels/build.py": "print()\n",
        "wheels/demo/wheel.toml": WHEEL,
        "probes/one": "1\n",
        "top.txt": "top\n",
    }
    for name, text in files.items():
        place = workspace.root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")
    entries = [
        published(workspace, "base", "debian", "dash", "pool/d/dash_1_amd64.deb"),
        published(workspace, "python", "python", "six", "six-1-py3-none-any.whl"),
        published(workspace, "wheel/demo", "python", "demo", "demo-1.tar.gz"),
        published(workspace, "wheel/demo", "python", "setuptools", "setuptools-1-py3-none-any.whl"),
    ]
    requests = {
        "base": ["debian:dash"],
        "python": ["python:six", "wheel:demo"],
        "wheel/demo": ["python:setuptools", "sdist:demo==1"],
        "top": [],
    }
    write_lock(workspace.lock("trio"), Lock(1, "trio", requests, [], entries))
    return workspace


def published(space: Workspace, use: str, origin: str, name: str, path: str) -> Entry:
    """Put a blob into the mirror and return its lock entry."""
    data = f"{name} of {use}".encode()
    sha256 = hashlib.sha256(data).hexdigest()
    store = Store(space.mirror / "blobs")
    part = store.partial(sha256)
    part.write_bytes(data)
    store.publish(part, sha256)
    return Entry(use, origin, name, "1", path, len(data), sha256)  # type: ignore[arg-type]


@pytest.fixture
def context(trio: Workspace) -> BuildContext:
    """Stack `trio`, open for building."""
    return build_context(trio, "trio")


@pytest.fixture
def tiny(workspace: Workspace) -> Workspace:
    """The tiny checkout with its lock."""
    write_lock(workspace.lock("tiny"), Lock(1, "tiny", {"hello": []}, [], []))
    return workspace
