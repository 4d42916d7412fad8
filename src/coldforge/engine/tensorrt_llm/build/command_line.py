"""Options translated into the command lines of a release's own programs."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.engine.tensorrt_llm.build.options import EITHER, OWN, Value, Words, rotary, words_of
from coldforge.engine.tensorrt_llm.build.precision import Precision
from coldforge.engine.tensorrt_llm.build.settings import BuildSettings
from coldforge.errors import ColdforgeError
from coldforge.stack.profile import Profile, Program

CACHE = "model.cache"
"""File name of the timing cache, beside the engine; 0.5.0 writes it under this name itself."""


@dataclass(frozen=True)
class BuildRequest:
    """Which engine to build: release, checkpoint, settings."""

    release: str
    profile: Profile
    checkpoint: Checkpoint
    settings: BuildSettings
    precision: Precision


@dataclass(frozen=True)
class BuildPaths:
    """Files and folders of a build."""

    out: Path
    converted: Path
    """The checkpoint converted into the release's own format, until the engine is made."""
    timing_cache: Path | None = None
    """Of an earlier build."""


def build_paths(out: Path, timing_cache: Path | None = None) -> BuildPaths:
    """Choose the paths of a build of `out`; the converted checkpoint lies beside it."""
    return BuildPaths(out, out.with_name(f"{out.name}.checkpoint"), timing_cache)


@dataclass(frozen=True)
class ReleaseCommand:
    """A call of one of the release's programs."""

    program: str
    """convert or build."""
    argv: list[str]

    @property
    def text(self) -> str:
        """Write it as a shell takes it."""
        return shlex.join(self.argv)


def translate(request: BuildRequest, places: BuildPaths) -> list[ReleaseCommand]:
    """Write the release's commands in order; raise ColdforgeError for what it cannot do."""
    flags = {word for program in request.profile.programs.values() for word in program.flags}
    words = words_of(request.settings, request.precision, request.checkpoint.config)
    words |= rotary(request.checkpoint.config, "rotary_base" not in flags, request.profile.rope)
    _refuse(request, words, flags)
    running = {
        name: program
        for name, program in request.profile.programs.items()
        if not program.only_for or words.keys() & set(program.only_for)
    }
    commands = []
    for name, program in running.items():
        source = _source(request, places, name, "convert" in running)
        spelled = source | words | _target(places, name)
        commands.append(ReleaseCommand(name, _argv(program, spelled)))
    return commands


def _refuse(request: BuildRequest, words: Words, flags: set[str]) -> None:
    name, profile = f"TensorRT-LLM {request.release}", request.profile
    kind = str(request.checkpoint.config.get("model_type"))
    if kind not in profile.models:
        known = ", ".join(profile.models)
        raise ColdforgeError(f"no engine of {name} for models of type {kind}", f"known: {known}")
    group_size = request.precision.group_size
    if group_size and group_size not in profile.group_sizes:
        sizes = " or ".join(map(str, profile.group_sizes))
        message = f"{name} has no kernel for groups of {group_size} weights"
        raise ColdforgeError(message, f"quantize --group-size {sizes}")
    alike = {word for pair in EITHER if set(pair) & flags for word in pair}
    for word, value in words.items():
        if word not in flags and word not in OWN | alike:
            why = profile.unknown.get(word)
            hint = why or f"it has flags for: {', '.join(sorted(flags))}"
            raise ColdforgeError(f"{name} has no flag for {word}", hint)
        _refuse_known(request, word, _kind(request, word, value))
    if not request.precision.symmetric:
        _refuse_known(request, "sym", "false")


def _kind(request: BuildRequest, word: str, value: Value) -> Value:
    """Return what a refusal depends on: the value, or for some words the codes' format."""
    return request.precision.source if word in {"int8_kv_cache", "pp"} else value


def _refuse_known(request: BuildRequest, word: str, value: Value) -> None:
    """Raise ColdforgeError for what the release gets wrong, by its profile."""
    if why := request.profile.refused.get(f"{word}={value}"):
        raise ColdforgeError(f"TensorRT-LLM {request.release} cannot do {word} = {value}", why)


def _source(request: BuildRequest, places: BuildPaths, program: str, converts: bool) -> Words:
    if program == "build" and converts:
        return {"converted": str(_converted(request, places))}
    words: Words = {"model": str(request.checkpoint.folder)}
    if request.precision.source and "quant_checkpoint" in request.profile.programs[program].flags:
        words["quant_checkpoint"] = str(_one_file(request, program))
    return words


def _target(places: BuildPaths, program: str) -> Words:
    if program == "convert":
        return {"output": str(places.converted)}
    words: Words = {"output": str(places.out)}
    if places.timing_cache:
        words["input_timing_cache"] = str(places.timing_cache)
    return {**words, "output_timing_cache": str(places.out / CACHE)}


def _converted(request: BuildRequest, places: BuildPaths) -> Path:
    """Find the converted checkpoint; the format of 0.5.0 has a folder by ranks."""
    if "smooth_quant" in request.profile.programs["build"].flags:
        return places.converted / f"{request.settings.tp}-gpu"
    return places.converted


def _one_file(request: BuildRequest, program: str) -> Path:
    files = request.checkpoint.files
    if request.profile.programs[program].one_file and len(files) > 1:
        raise ColdforgeError(
            f"TensorRT-LLM {request.release} reads a quantised checkpoint from one file, "
            f"{request.checkpoint.folder.name} has {len(files)}",
            f"run: invoke checkpoint.join --model {request.checkpoint.folder} --out DIR",
        )
    return files[0]


def _argv(program: Program, words: Words) -> list[str]:
    argv = list(program.command)
    for word, value in words.items():
        if word in program.flags:
            argv += _spelled(program.flags[word], value, word in program.switches)
    return argv


def _spelled(flag: str, value: Value, switch: bool) -> list[str]:
    if isinstance(value, bool):
        if switch:
            return [flag, "enable" if value else "disable"]
        return [flag] if value else []
    return [flag, *([value] if isinstance(value, str) else value)]
