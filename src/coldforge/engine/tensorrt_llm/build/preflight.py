"""What a build needs on this machine: GPU, stack, lock, files; found before anything is done."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from coldforge.engine.tensorrt_llm.build.command_line import BuildRequest
from coldforge.engine.tensorrt_llm.build.gpu import Gpu, find_gpus, runs_on
from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.mirror.missing import all_files_to_bring
from coldforge.mirror.store import Store
from coldforge.paths import Workspace
from coldforge.stack.lock import Lock, read_lock
from coldforge.stack.stack import Stack, read_stack


@dataclass(frozen=True)
class Prerequisites:
    """What a build needs."""

    gpu: Gpu
    stack: Stack
    lock: Lock


def stack_of(release: str) -> str:
    """Name the stack in whose image a release runs."""
    return f"trtllm-{release}"


def find_prerequisites(space: Workspace, request: BuildRequest) -> Prerequisites:
    """Find what a build needs; raise ColdforgeError naming everything that is missing."""
    _refuse_calibration(request)
    gpus, trouble = find_gpus()
    misses = [trouble] if trouble else []
    stack, lock, absent = _stack(space, request.release)
    misses += absent
    if stack and gpus:
        misses += _unfit(gpus[0], stack)
    if misses or not (stack and lock):
        error = MissingInputError if absent else ColdforgeError
        raise error(
            f"no engine of TensorRT-LLM {request.release} can be built here: {'; '.join(misses)}",
            "build one for the CPU with --backend onnxruntime, or see what the release would read: "
            f"invoke engine.check --checkpoint {request.checkpoint.folder} "
            f"--release {request.release}",
        )
    return Prerequisites(gpus[0], stack, lock)


def _stack(space: Workspace, release: str) -> tuple[Stack | None, Lock | None, list[str]]:
    name = stack_of(release)
    if not (space.stacks / f"{name}.toml").is_file():
        return None, None, [f"no stack makes its image (docker/stacks/{name}.toml)"]
    stack = read_stack(space, name)
    names = [name, stack.file.builder] if stack.file.builder else [name]
    unlocked = [item for item in names if not space.lock(item).exists()]
    if unlocked:
        return stack, None, [f"{' and '.join(unlocked)} not locked yet"]
    store, files = Store(space.mirror / "blobs"), []
    for item in names:
        found = all_files_to_bring(read_stack(space, item), read_lock(space.lock(item)), store)
        files += [f"{one.files[0]} ({one.purpose})" for one in found]
    lacks = ", ".join(dict.fromkeys(files))
    return stack, read_lock(space.lock(name)), [f"{name} lacks {lacks}"] if lacks else []


def _unfit(gpu: Gpu, stack: Stack) -> Sequence[str]:
    made = stack.file.architectures
    if runs_on(gpu.capability, made):
        return []
    return [f"{gpu.name} has compute capability {gpu.capability}, {stack.name} is for {made}"]


def _refuse_calibration(request: BuildRequest) -> None:
    """Raise ColdforgeError if the release would fetch a data set: containers have no network."""
    settings, name = request.settings, f"TensorRT-LLM {request.release}"
    if not settings.calibrates:
        return
    if why := request.profile.unknown.get("calibration"):
        raise ColdforgeError(f"{name} calibrates on what it fetches, and gets no network here", why)
    if not settings.calibration:
        raise ColdforgeError(
            f"{name} calibrates on cnn_dailymail, which it would fetch",
            "--calibration FOLDER of it",
        )
    if not Path(settings.calibration).is_dir():
        raise ColdforgeError(f"no such folder: {settings.calibration}", "--calibration FOLDER")
