"""What a TensorRT-LLM engine needs before anything can run it, and what of that is missing."""

from importlib.metadata import version
from importlib.util import find_spec
from typing import NoReturn

from coldforge.engine.card import Engine
from coldforge.engine.tensorrt_llm.build.gpu import Gpu, find_gpus
from coldforge.engine.tensorrt_llm.build.settings import NAME
from coldforge.errors import ColdforgeError

NEEDED = ("tensorrt_llm", "tensorrt")


def refuse(engine: Engine) -> NoReturn:
    """Raise ColdforgeError: something is missing or of another version, or its own loop must run.

    TensorRT-LLM has no generation loop of ours: its own program runs its engines.
    """
    gpus, why = find_gpus()
    missing = [f"no {name}" for name in NEEDED if find_spec(name) is None]
    missing += [] if gpus else [why]
    if missing:
        raise ColdforgeError(
            f"{engine.folder} cannot run here: {'; '.join(missing)}",
            "start the image of its release on a machine with its GPU, or build for onnxruntime",
        )
    check_runtime(engine, version("tensorrt"), gpus[0])
    raise ColdforgeError(
        f"{engine.folder} is run by TensorRT-LLM itself",
        f"run: python3 examples/run.py --engine_dir {engine.folder}, of release "
        f"{engine.card['release']}",
    )


def check_runtime(engine: Engine, tensorrt: str, gpu: Gpu) -> None:
    """Raise ColdforgeError unless version and card are those the engine was built with.

    TensorRT's engines hold machine code and a format of one version; another refuses them late,
    or runs them wrong. Source: TensorRT's developer guide, compatibility.
    """
    card = engine.card
    rebuild = f"build it again: invoke engine.build --backend {NAME} --release "
    if card["tensorrt"] != tensorrt:
        raise ColdforgeError(
            f"{engine.folder} was built with TensorRT {card['tensorrt']}, here is {tensorrt}",
            f"run it in the image of release {card['release']}, or {rebuild}RELEASE",
        )
    built = card["gpu"]
    if built["capability"] != gpu.capability:
        raise ColdforgeError(
            f"{engine.folder} was built on {built['name']} (compute capability "
            f"{built['capability']}), here is {gpu.name} ({gpu.capability})",
            f"{rebuild}{card['release']} on this card",
        )
