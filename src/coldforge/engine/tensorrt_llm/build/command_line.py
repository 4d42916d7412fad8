"""One vocabulary, translated: what a release's own programs are to be told."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.engine.tensorrt_llm.build.options import EITHER, OWN, Said, Value, meaning
from coldforge.engine.tensorrt_llm.build.precision import Precision
from coldforge.engine.tensorrt_llm.build.rope import rotary
from coldforge.engine.tensorrt_llm.build.settings import Settings
from coldforge.errors import ColdforgeError
from coldforge.stack.profile import Profile, Program

CACHE = "model.cache"
"""The timing cache as 0.5.0 calls it, beside its engine; so we call everybody's."""


@dataclass(frozen=True)
class Wish:
    """An engine somebody wants: of which release, of what, how."""

    release: str
    profile: Profile
    checkpoint: Checkpoint
    settings: Settings
    precision: Precision


@dataclass(frozen=True)
class Places:
    """Where an engine is made."""

    out: Path
    converted: Path
    """Where the checkpoint lies in the release's own form, until the engine is made."""
    timing_cache: Path | None = None
    """One from an earlier build."""


def places_of(out: Path, timing_cache: Path | None = None) -> Places:
    """Choose where the engine `out` is made; what is converted lies beside it."""
    return Places(out, out.with_name(f"{out.name}.checkpoint"), timing_cache)


@dataclass(frozen=True)
class Command:
    """A program of the release, called."""

    program: str
    """convert or build."""
    argv: list[str]

    @property
    def text(self) -> str:
        """Write it as a shell takes it."""
        return shlex.join(self.argv)


def translate(wish: Wish, places: Places) -> list[Command]:
    """Write the release's commands in order; raise ColdforgeError for what it cannot do."""
    flags = {word for program in wish.profile.programs.values() for word in program.flags}
    said = meaning(wish.settings, wish.precision, wish.checkpoint.config)
    said |= rotary(wish.checkpoint.config, "rotary_base" not in flags, wish.profile.rope)
    _refuse(wish, said, flags)
    running = {
        name: program
        for name, program in wish.profile.programs.items()
        if not program.only_for or said.keys() & set(program.only_for)
    }
    commands = []
    for name, program in running.items():
        source = _source(wish, places, name, "convert" in running)
        words = source | said | _target(places, name)
        commands.append(Command(name, _argv(program, words)))
    return commands


def _refuse(wish: Wish, said: Said, flags: set[str]) -> None:
    name, profile = f"TensorRT-LLM {wish.release}", wish.profile
    kind = str(wish.checkpoint.config.get("model_type"))
    if kind not in profile.models:
        known = ", ".join(profile.models)
        raise ColdforgeError(f"no engine of {name} for models of type {kind}", f"known: {known}")
    group_size = wish.precision.group_size
    if group_size and group_size not in profile.group_sizes:
        sizes = " or ".join(map(str, profile.group_sizes))
        message = f"{name} has no kernel for groups of {group_size} weights"
        raise ColdforgeError(message, f"quantize --group-size {sizes}")
    alike = {word for words in EITHER if set(words) & flags for word in words}
    for word, value in said.items():
        if word not in flags and word not in OWN | alike:
            why = profile.unknown.get(word)
            hint = why or f"words it knows: {', '.join(sorted(flags))}"
            raise ColdforgeError(f"{name} takes no {word}", hint)
        _refuse_known(wish, word, _kind(wish, word, value))
    if not wish.precision.symmetric:
        _refuse_known(wish, "sym", "false")


def _kind(wish: Wish, word: str, value: Value) -> Value:
    """Return what decides: of some words not their value, but what the codes come from."""
    return wish.precision.source if word in {"int8_kv_cache", "pp"} else value


def _refuse_known(wish: Wish, word: str, value: Value) -> None:
    """Raise ColdforgeError for what the release's profile says it gets wrong."""
    if why := wish.profile.refused.get(f"{word}={value}"):
        raise ColdforgeError(f"TensorRT-LLM {wish.release} cannot do {word} = {value}", why)


def _source(wish: Wish, places: Places, program: str, converts: bool) -> Said:
    if program == "build" and converts:
        return {"converted": str(_converted(wish, places))}
    said: Said = {"model": str(wish.checkpoint.folder)}
    if wish.precision.source and "quant_checkpoint" in wish.profile.programs[program].flags:
        said["quant_checkpoint"] = str(_one_file(wish, program))
    return said


def _target(places: Places, program: str) -> Said:
    if program == "convert":
        return {"output": str(places.converted)}
    said: Said = {"output": str(places.out)}
    if places.timing_cache:
        said["input_timing_cache"] = str(places.timing_cache)
    return {**said, "output_timing_cache": str(places.out / CACHE)}


def _converted(wish: Wish, places: Places) -> Path:
    """Find what was converted: FasterTransformer's form, of 0.5.0, has a folder for the ranks."""
    if "smooth_quant" in wish.profile.programs["build"].flags:
        return places.converted / f"{wish.settings.tp}-gpu"
    return places.converted


def _one_file(wish: Wish, program: str) -> Path:
    files = wish.checkpoint.files
    if wish.profile.programs[program].one_file and len(files) > 1:
        raise ColdforgeError(
            f"TensorRT-LLM {wish.release} reads a quantised checkpoint from one file, "
            f"{wish.checkpoint.folder.name} has {len(files)}",
            f"run: invoke checkpoint.join --model {wish.checkpoint.folder} --out DIR",
        )
    return files[0]


def _argv(program: Program, words: Said) -> list[str]:
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
