"""What a TensorRT-LLM engine needs before anything can run it, and what of that is not here."""

from importlib.metadata import version
from importlib.util import find_spec
from typing import NoReturn

from coldforge.engine.card import Engine
from coldforge.engine.tensorrt_llm.build.compatibility import check_runtime
from coldforge.engine.tensorrt_llm.build.gpu import find_gpus
from coldforge.errors import ColdforgeError

NEEDED = ("tensorrt_llm", "tensorrt")


def refuse(engine: Engine) -> NoReturn:
    """Raise ColdforgeError: something is missing, is another one, or its own loop must run it."""
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
