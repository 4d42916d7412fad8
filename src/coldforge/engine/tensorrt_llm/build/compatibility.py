"""Whether an engine of TensorRT may run where somebody wants to run it."""

from coldforge.engine.card import TENSORRT_LLM, Engine
from coldforge.engine.tensorrt_llm.build.gpu import Gpu
from coldforge.errors import ColdforgeError


def check_runtime(engine: Engine, tensorrt: str, gpu: Gpu) -> None:
    """Raise ColdforgeError unless version and card are those the engine was built with.

    TensorRT's engines hold machine code and a format of one version; another refuses them late,
    or runs them wrong. Source: TensorRT's developer guide, compatibility.
    """
    if engine.backend != TENSORRT_LLM:
        return
    card = engine.card
    rebuild = f"build it again: invoke engine.build --backend {TENSORRT_LLM} --release "
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
