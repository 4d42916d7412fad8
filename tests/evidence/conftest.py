"""An image built without an engine: what would run in one is in the cache already."""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from coldforge.evidence.subject import ImageSubject, find
from coldforge.files.digest import sha256_file
from coldforge.image.build.build import build, build_context
from coldforge.image.build.cache import Cache
from coldforge.image.build.plan import layer_description, wheel_description, wheel_folder
from coldforge.image.filesystem.member import Member
from coldforge.image.filesystem.tar import LayerWriter
from coldforge.image.layers.context import BuildContext
from coldforge.image.oci.layout import Layout
from coldforge.mirror.store import Store
from coldforge.paths import Workspace
from coldforge.stack.lock import Entry, Lock, write_lock
from tests.evidence.packages import deb, sdist, wheel

EPOCH = 1_700_000_000
STACK = f"""\
summary = "Three layers"
epoch = {EPOCH}
layers = ["base", "python", "top"]
[python]
version = "3.11"
platform = "x86_64-manylinux_2_36"
"""
LAYERS = {
    "base": 'summary = "Packages"\nscript = "build.sh"\n[inputs]\ndebian = ["dash", "libdash"]\n',
    "python": 'summary = "Wheels"\n[inputs]\npython = ["six"]\nwheels = ["demo"]\n',
    "top": 'summary = "A file"\n[inputs]\nfiles = { "top.txt" = "/top.txt" }\n',
}
WHEEL = 'summary = "From source"\nsdist = "demo==1"\nrequires = ["setuptools"]\n'
COPYRIGHT = b"""\
Format: https://docs.example.org/copyright-format/1.0/
License: BSD-3-clause

Files: *
Copyright: somebody
License: GPL-2+ or mysterious

License: GPL-2+
 on Debian systems /usr/share/common-licenses/GPL-2
"""
STATUS = b"""\
Package: dash
Status: install ok installed
Version: 1:1

Package: libdash
Status: install ok installed
Version: 1:1

Package: gone
Status: deinstall ok config-files
Version: 1
"""
REQUESTS = {
    "base": ["debian:dash", "debian:libdash"],
    "python": ["python:six", "wheel:demo"],
    "wheel/demo": ["python:setuptools", "sdist:demo==1"],
    "top": [],
}


@dataclass(frozen=True)
class Image:
    """A built image, and where it was built."""

    context: BuildContext
    subject: ImageSubject

    @property
    def layout(self) -> Layout:
        return self.context.layout

    @property
    def digest(self) -> str:
        return self.subject.manifest.digest


@pytest.fixture
def image(workspace: Workspace) -> Image:
    """Stack `trio`: two .debs, a wheel, a wheel built from source, a file."""
    return made(workspace)


def made(space: Workspace) -> Image:
    """Build stack `trio` in a checkout without an engine."""
    written(space)
    entries = list(locked(Store(space.mirror / "blobs")))
    write_lock(space.lock("trio"), Lock(1, "trio", REQUESTS, [], entries))
    context = build_context(space, "trio")
    remembered(context)

    def unwanted() -> None:
        raise AssertionError("no engine is needed")

    build(context, unwanted)  # type: ignore[arg-type]
    return Image(context, find(context.layout, "trio"))


def written(space: Workspace) -> None:
    files = {f"docker/layers/{name}/layer.toml": text for name, text in LAYERS.items()}
    files |= {
        "docker/stacks/trio.toml": STACK,
        "docker/layers/base/build.sh": "#!/bin/sh\ntrue\n",
        "wheels/build.py": "print()\n",
        "wheels/demo/wheel.toml": WHEEL,
        "top.txt": "top\n",
    }
    for name, text in files.items():
        place = space.root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")


def locked(store: Store) -> Iterator[Entry]:
    """Put the inputs into the mirror and yield their entries."""
    dash = deb({"./usr/share/doc/dash/copyright": COPYRIGHT, "./bin/dash": b"#!"})
    library = deb({"./lib/x": b"x"}, {"./usr/share/doc/libdash": "dash"})
    mit, bsd = "License-Expression: MIT\n", "Classifier: License :: OSI Approved :: MIT License\n"
    yield entry(store, "base", "dash", "1:1", "pool/dash_1_amd64.deb", dash)
    yield entry(store, "base", "libdash", "1:1", "pool/libdash_1_all.deb", library)
    six = wheel("six", "1", "License: Odd Licence\n")
    yield entry(store, "python", "six", "1", "six-1-py3-none-any.whl", six)
    yield entry(store, "wheel/demo", "demo", "1", "demo-1.tar.gz", sdist("demo", "1", mit))
    tools = wheel("setuptools", "1", bsd)
    yield entry(store, "wheel/demo", "setuptools", "1", "setuptools-1-py3-none-any.whl", tools)


def entry(store: Store, use: str, name: str, version: str, path: str, data: bytes) -> Entry:
    sha256 = hashlib.sha256(data).hexdigest()
    part = store.partial(sha256)
    part.write_bytes(data)
    store.publish(part, sha256)
    suite = "bookworm" if path.endswith(".deb") else ""
    origin = "debian" if suite else "python"
    return Entry(use, origin, name, version, path, len(data), sha256, suite)  # type: ignore[arg-type]


def remembered(context: BuildContext) -> None:
    """Let the cache hold what a container would have made."""
    cache = Cache(context.root / "cache")

    def write(writer: LayerWriter) -> None:
        member = Member("var/lib/dpkg/status", "file", 0o644, size=len(STATUS))
        writer.add(member, io.BytesIO(STATUS))

    layer = context.write(write)
    description = layer_description(context, "base", {}, [])
    cache.put("base", description, {"digest": layer.digest, "size": str(layer.size)})
    description = wheel_description(context, "demo", "python", [layer.digest])
    file = wheel_folder(context, description) / "demo-1-py3-none-any.whl"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(wheel("demo", "1", "License-Expression: mit\n", {"demo.py": b"1\n"}))
    cache.put(
        "wheel/demo", description, {"file": file.name, "digest": f"sha256:{sha256_file(file)}"}
    )


def blob_of(image: Image, media_type: str) -> Path:
    """Find the document of a kind in the layout."""
    (entry,) = [
        item for item in image.layout.referrers(image.digest) if item["artifactType"] == media_type
    ]
    return image.layout.blob(image.layout.read(entry["digest"])["layers"][0]["digest"])
