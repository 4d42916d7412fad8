"""TensorRT-LLM as a backend: see coldforge.engine.backend.Backend and BuildsOnHost."""

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

from coldforge.engine.backend import Asked, Host, Option, Runner
from coldforge.engine.tensorrt_llm.build.gpu import Gpu, find_gpus
from coldforge.engine.tensorrt_llm.build.settings import NAME, OPTIONS, settings_of
from coldforge.engine.tensorrt_llm.loader.registry import release_names
from coldforge.errors import ColdforgeError

if TYPE_CHECKING:
    from coldforge.checkpoint.checkpoint import Checkpoint
    from coldforge.engine.card import Engine
    from coldforge.engine.memory.outline import Outline
    from coldforge.engine.memory.prediction import Prediction
    from coldforge.engine.memory.settings import MemorySettings

NEEDED = ("tensorrt_llm", "tensorrt")


class TensorRtLlm:
    """Runs on an NVIDIA GPU; built by the programs of a release, in the release's image."""

    name, title = NAME, "TensorRT"
    options = (
        Option("release", "", f"which, as in docker/releases: {', '.join(release_names())}."),
        Option("dry_run", default=False, help="print its commands; needs no GPU, no image, no "
               "Docker Engine."),
        *OPTIONS,
    )  # fmt: skip
    libraries = ("tensorrt", "tensorrt_llm")
    on_card = True
    lacks = MappingProxyType({"activations": "--precision w8a8 rounds inputs"})

    def check(self, asked: Asked) -> None:
        """Raise ColdforgeError without a release, and for settings that no release takes."""
        if not asked["release"]:
            raise ColdforgeError(
                "--release is missing: which TensorRT-LLM?",
                f"give --release, one of: {', '.join(release_names())}",
            )
        settings_of(asked).check()

    def build(self, checkpoint: "Checkpoint", folder: Path, asked: Asked) -> NoReturn:
        """Raise ColdforgeError: see `build_on_host`."""
        raise ColdforgeError(
            "TensorRT-LLM's images are started from the host", "run the command there"
        )

    def build_on_host(
        self, host: Host, checkpoint: Path, out: Path, asked: Asked
    ) -> dict[str, Any]:
        """Build with the programs of a release, in its image; with `dry_run` print them."""
        from coldforge.engine.tensorrt_llm.build import on_host

        request = on_host.read_request(host.space, checkpoint, asked["release"], settings_of(asked))
        if asked["dry_run"]:
            return on_host.dry_run(request, out)
        return on_host.build_engine(host, request, out)

    def load_libraries(self, engine: "Engine") -> None:
        """Raise ColdforgeError: TensorRT-LLM runs its engines itself, on its own GPU."""
        refuse(engine)

    def open(self, engine: "Engine", threads: int) -> Runner:
        """Raise ColdforgeError as `load_libraries` does."""
        refuse(engine)

    def predict(self, outline: "Outline", settings: "MemorySettings") -> "Prediction":
        """Predict the bytes of the fullest card."""
        from coldforge.engine.tensorrt_llm.memory import predict_tensorrt

        return predict_tensorrt(outline, settings)

    def lossless(self, engine: "Engine") -> bool:
        """Tell that float16 rounds what torch computes in float32."""
        return False

    def logits(self, engine: "Engine") -> NoReturn:
        """Raise ColdforgeError as `load_libraries` does."""
        refuse(engine)

    def not_compared(self) -> str:
        """Say whether TensorRT is missing, or cannot run another backend's engine."""
        if find_spec("tensorrt") is None:
            return "TensorRT's libraries are not here"
        return "ONNX Runtime's engine has operators that TensorRT does not know"


def refuse(engine: "Engine") -> NoReturn:
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


def check_runtime(engine: "Engine", tensorrt: str, gpu: Gpu) -> None:
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


BACKEND = TensorRtLlm()
