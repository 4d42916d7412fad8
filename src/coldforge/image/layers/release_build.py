"""Compile a release with its own script: its arguments, its large files, its compiler cache."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.files.digest import sha256_json
from coldforge.files.lfs_pointer import pointers, unmet
from coldforge.image.containers.docker_engine import diff_ids
from coldforge.image.containers.parallelism import GIB, capacity, jobs
from coldforge.image.containers.step import ContainerStep
from coldforge.image.layers.context import BuildContext
from coldforge.progress import say
from coldforge.stack.lock import Entry
from coldforge.stack.profile import Compile

if TYPE_CHECKING:
    import docker

CACHE = "/coldforge/ccache"


@dataclass(frozen=True)
class CompileOptions:
    """Options of compiling a wheel that do not change its bytes."""

    jobs: int = 0
    """Compilers at a time; 0: as free memory allows."""
    cache: str = "coldforge-ccache"
    """Volume of the compiler cache; empty for none."""
    rebuild: bool = False
    """Build again although it is there, and compare."""


@dataclass(frozen=True)
class BuildEnvironment:
    """Where wheels are compiled: an image in Docker, and its environment variables."""

    client: "docker.DockerClient"
    image: str
    env: Mapping[str, str]
    options: CompileOptions = field(default_factory=CompileOptions)


def release_step(
    build_env: BuildEnvironment, context: BuildContext, step: ContainerStep, source: Entry
) -> ContainerStep:
    """Make the step run the release's own script, with its output shown."""
    profile, chosen = context.stack.profile, context.stack.file.architectures
    if profile is None or not chosen:
        message = f"stack {context.stack.name} builds a release's wheel, but lacks what that needs"
        raise ColdforgeError(message, "name release and architectures in its file")
    build, tar = profile.build, context.blob(source)
    large = large_files(context, source.use, build.needs)
    check_pointers(context.stack.name, build.needs, tar, large)
    cached = bool(build_env.options.cache and build.ccache and has_ccache(context))
    count = build_env.options.jobs or choose_jobs(build_env.client, build.memory)
    order = {
        "command": command(build, chosen, count, cached),
        "out": build.out,
    }
    env = {**step.env, **build.env}
    inputs = {"release.py": context.space.wheels / "release.py", "source/source.tar": tar}
    return replace(
        step,
        command=["python3", "/coldforge/in/release.py", json.dumps(order)],
        inputs={**step.inputs, **inputs, **{f"large/{path}": at for path, at in large.items()}},
        env=env | (cache_environment(build_env, env) if cached else {}),
        volumes={build_env.options.cache: CACHE} if cached else {},
        quiet=False,
    )


def choose_jobs(client: "docker.DockerClient", memory: float) -> int:
    """Choose how many compilers of `memory` GiB run at a time, and say why so many."""
    cores, free = capacity(client)
    chosen = jobs(cores, free, memory)
    say(f"  {chosen} compilers at a time: {cores} cores, {free / GIB:.1f} GiB free")
    return chosen


def cache_environment(build_env: BuildEnvironment, env: Mapping[str, str]) -> dict[str, str]:
    """Tell ccache where it is, and what decides what a compiler makes.

    That is every layer below, not the time of the compiler's file: ours are all the same.
    """
    known = sha256_json([diff_ids(build_env.client, build_env.image), dict(env)])
    return {"CCACHE_DIR": CACHE, "CCACHE_COMPILERCHECK": f"string:{known}"}


def command(build: Compile, architectures: list[str], count: int, cached: bool) -> list[str]:
    """Fill in the arguments of the release's script."""
    words = [*build.command, *build.jobs, *(build.ccache if cached else [])]
    known = {"{architectures}": ";".join(architectures), "{jobs}": str(count)}
    for blank, value in known.items():
        words = [word.replace(blank, value) for word in words]
    return words


def large_files(context: BuildContext, use: str, needs: list[str]) -> dict[str, Path]:
    """Find the large files that the build links and the mirror has: path in the tree -> bytes.

    Others stay pointers, mirrored or not: what a mirror happens to hold decides no byte.
    """
    entries = [entry for entry in context.lock.of(use) if entry.origin == "lfs"]
    return {
        entry.name: context.blob(entry)
        for entry in entries
        if entry.name in needs and context.store.has(entry.sha256, entry.size)
    }


def check_pointers(stack: str, needs: list[str], tar: Path, large: Mapping[str, Path]) -> None:
    """Raise MissingInputError if the compiler would link a Git LFS pointer of the tree."""
    promised = {path: pointer for path, pointer in pointers(tar).items() if path in needs}
    for line in unmet(promised, large):
        hint = f"bring it, then: ./invokew mirror.add --stack {stack} FILE"
        raise MissingInputError(f"a library to link: {line}", hint)


def has_ccache(context: BuildContext) -> bool:
    """Tell whether wheels are compiled where there is a compiler cache."""
    lock = (context.builder or context).lock
    return any(entry.name == "ccache" for entry in lock.entries)
