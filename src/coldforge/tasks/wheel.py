"""wheel.build: compile a wheel from source in a builder image, and audit it."""

from functools import partial
from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.context import Context

from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.tasks._command import YES, docker_engine, emit, on_host, task

if TYPE_CHECKING:
    from pathlib import Path

    from coldforge.image.audit.audit import Audit
    from coldforge.image.layers.release_build import CompileOptions
    from coldforge.stack.stack import Stack

HELP = {
    "stack": "Name of docker/stacks/NAME.toml.",
    "name": "Recipe under wheels/ (default: the release's own).",
    "arch": "CUDA architectures, such as 80,86,89; 90-virtual for PTX (default: the stack's).",
    "jobs": "Compilers to run at once (default: as many as free memory allows).",
    "clean": "Build again without the compiler cache, and compare with the existing wheel.",
    "yes": YES,
    "json": "Print the result for programs.",
}


@partial(task, help=HELP)
def build(  # noqa: PLR0913, PLR0917 - a flag each
    context: Context,
    stack: str,
    name: str = "",
    arch: str = "",
    jobs: int = 0,
    clean: bool = False,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Build a stack's wheel from source without network, and audit what was compiled.

    Example: invoke wheel.build --stack trtllm-0.5.0 --arch 80,86,89
    """
    import msgspec

    from coldforge.image.layers.release_build import CompileOptions

    if jobs < 0:
        raise ColdforgeError(f"--jobs {jobs} is less than 1", "give --jobs 1 or more")
    options = CompileOptions(jobs, rebuild=True, cache="") if clean else CompileOptions(jobs)
    made, audit = build_wheel(stack, name, architectures(arch), options, yes)
    result = {"file": str(made), "audit": msgspec.to_builtins(audit)}
    emit(result, json, "\n".join([*audit_lines(audit), f"{made}"]))


def build_wheel(
    stack: str, name: str, asked: list[str], options: "CompileOptions", yes: bool
) -> tuple["Path", "Audit"]:
    """Build one wheel of a stack, for the `asked` architectures if any; return it and its audit."""
    from dataclasses import replace

    import msgspec

    from coldforge.image.audit.wheel import read_report
    from coldforge.image.build.build import build_context
    from coldforge.image.build.builder import Builder
    from coldforge.paths import Workspace

    context = build_context(Workspace.find(), stack)
    recipe = chosen(context.stack, name)
    if asked:
        file = msgspec.structs.replace(context.stack.file, architectures=asked)
        context = replace(context, stack=msgspec.structs.replace(context.stack, file=file))
    if not context.stack.file.architectures:
        hint = "give --arch, or architectures in the stack's file"
        raise ColdforgeError(f"stack {stack} does not say which GPUs to compile for", hint)
    with docker_engine(yes) as connect:
        made = Builder(context, connect, options).wheel(recipe)
    return made, read_report(made)


def architectures(asked: str) -> list[str]:
    """Read --arch, sorted and without repeats; 80 means 80-real: machine code without PTX."""
    import re

    names = {name.strip() for name in asked.split(",") if name.strip()}
    for name in sorted(names):
        if not re.fullmatch(r"[1-9][0-9]{1,2}[af]?(-real|-virtual)?", name):
            hint = "give numbers as CMake does, such as 80,86,89 or 90-virtual"
            raise ColdforgeError(f"'{name}' is not a CUDA architecture", hint)
    spelled = {name if "-" in name else f"{name}-real" for name in names}
    return sorted(spelled, key=lambda name: (int(re.sub("[^0-9].*", "", name)), name))


def chosen(stack: "Stack", name: str) -> str:
    """Choose a wheel recipe: the named one, else the release's own, else the only one."""
    released = [one for one, recipe in stack.wheels.items() if recipe.release]
    known = sorted(stack.wheels)
    if not name and (len(released) == 1 or len(known) == 1):
        return (released or known)[0]
    if name in known:
        return name
    if not name:
        message = f"stack {stack.name} has {len(known)} wheels: {', '.join(known) or 'none'}"
        raise ColdforgeError(
            message, "choose one with --name" if known else "choose another stack with --stack"
        )
    raise UnknownNameError("wheel recipe of this stack", name, known)


def audit_lines(audit: "Audit") -> list[str]:
    """Lay an audit out as text: a block for each library, then the verdict."""
    lines = [f"{audit.wheel}  sha256:{audit.sha256}"]
    for binary in audit.binaries:
        code = ", ".join(binary.device.elf) or "none"
        needs = ", ".join(f"{name} {version}" for name, version in binary.symbols.items())
        lines += [
            f"  {binary.file}",
            f"    device code  {code}; PTX: {', '.join(binary.device.ptx) or 'none'}",
            f"    needs        {needs or 'no symbol version'}",
            f"    search path  {':'.join(binary.search) or 'none'}",
        ]
        lines += [f"    {name:<24} {where}" for name, where in binary.libraries.items()]
        lines += [f"    note: {note}" for note in binary.notes]
    verdict = f"contains the requested architectures: {', '.join(audit.architectures)}"
    return [*lines, "; ".join(audit.faults) or verdict]


TASKS = on_host(Collection("wheel", build))
