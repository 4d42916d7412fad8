"""A release profile: the sources, flags and programs of one TensorRT-LLM release."""

from pathlib import Path

import msgspec

from coldforge.errors import UnknownNameError
from coldforge.tomlfile import read_toml


class Carried(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file whose licence forbids passing it on, so that a person brings it."""

    kind: str
    """How it is recognised: `tensorrt`, `runfile`, `wheel`, `archive`."""
    file: str
    """Its publisher's file name, with {version} where that goes."""
    versions: list[str]
    """Versions that fit, the best first."""
    purpose: str
    publisher: str
    """Who hands it out, and where to ask."""

    def names(self) -> list[str]:
        """List the file names that fit, the best first."""
        return [self.file.format(version=version) for version in self.versions]


class Large(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A Git LFS object: what its pointer file in the tree promises."""

    oid: str
    """sha256, hex."""
    size: int


class Compile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the release's own script makes the wheel."""

    command: list[str]
    """Arguments, with {architectures}, {jobs} and the roots where they go."""
    jobs: list[str] = []
    """Arguments that limit parallel jobs, with {jobs}."""
    ccache: list[str] = []
    """Arguments that switch the compiler cache on."""
    memory: float = 4.0
    """GiB of memory one compile job takes at most."""
    env: dict[str, str] = {}
    out: str = "build"
    """Folder of the source tree where the wheel appears."""
    needs: list[str] = []
    """Large files of the tree that this platform links; the others may be missing."""


class Program(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A program of the release that makes an engine, or a step towards one."""

    command: list[str]
    """How it is called, in the release's source tree."""
    flags: dict[str, str]
    """Our word -> the release's flag."""
    switches: list[str] = []
    """Words whose flag takes `enable` or `disable`; another one that is on takes no value."""
    only_for: list[str] = []
    """Words of which one must be set for it to run; empty: it always runs."""
    one_file: bool = False
    """It reads a quantised checkpoint from one file, not from shards."""


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of docker/releases/<release>.toml. Adding a release means adding a file."""

    summary: str
    repository: str
    """`github:owner/name`, or the path of a folder in this checkout for a fixture."""
    commit: str
    """Hex; empty for a folder."""
    versions: dict[str, str]
    """What the release says it was made for: cuda, cudnn, nccl, python, torch."""
    build: Compile
    submodules: dict[str, str] = {}
    """Path in the tree -> `github:owner/name@<hex>`."""
    without: list[str] = []
    """Files and folders of the tree, submodules' included, that no build reads: left out."""
    large: dict[str, Large] = {}
    """Path in the tree -> its Git LFS object."""
    carried: dict[str, Carried] = {}
    programs: dict[str, Program] = {}
    """In the order they run: `convert` where checkpoints are converted first, `build`."""
    unknown: dict[str, str] = {}
    """Our words that none of its programs takes -> why, and what to say instead."""
    refused: dict[str, str] = {}
    """`word=value` that its programs take and cannot do, or do not take -> why, what instead."""
    models: list[str] = []
    """Values of model_type that its programs are for."""
    group_sizes: list[int] = []
    """Weights that may share a scale."""
    rope: list[str] = []
    """Kinds of rotary scaling that it knows."""
    fixture: bool = False
    """Made for tests; shown wherever the release is."""


def read_profile(releases: Path, name: str) -> Profile:
    """Read docker/releases/<name>.toml; raise UnknownNameError or ColdforgeError."""
    known = [path.stem for path in releases.glob("*.toml")]
    if name not in known:
        raise UnknownNameError("release", name, known)
    return read_toml(releases / f"{name}.toml", Profile)
