"""ONNX Runtime as a backend: see coldforge.engine.backend.Backend."""

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from coldforge.engine.backend import Asked, Option, Runner
from coldforge.errors import ColdforgeError

if TYPE_CHECKING:
    from coldforge.checkpoint.checkpoint import Checkpoint
    from coldforge.engine.card import Engine
    from coldforge.engine.memory.outline import Outline
    from coldforge.engine.memory.prediction import Prediction
    from coldforge.engine.memory.settings import MemorySettings

FLOAT32, INT8 = "float32", "int8"
ONE_PROCESS = "one process, a float32 cache"


class OnnxRuntime:
    """Runs on the CPU; built by our own exporter."""

    name, title = "onnxruntime", "ONNX Runtime"
    options = (Option("activations", "", "int8 rounds inputs too, faster and no longer lossless."),)
    libraries = ("onnx", "onnxruntime", "onnxruntime-genai")
    on_card = False
    lacks = MappingProxyType(dict.fromkeys(("tp", "pp", "int8_kv_cache"), ONE_PROCESS))

    def check(self, asked: Asked) -> None:
        """Raise ColdforgeError for activations that are neither float32 nor int8."""
        if asked["activations"] not in {"", FLOAT32, INT8}:
            raise ColdforgeError(
                f"unknown activations {asked['activations']!r}", f"choose {FLOAT32} or {INT8}"
            )

    def build(self, checkpoint: "Checkpoint", folder: Path, asked: Asked) -> dict[str, Any]:
        """Write the graph; its weights are the checkpoint's, code by code.

        With int8 activations, inputs of quantised layers and the head's weight are rounded.
        """
        from coldforge.engine.onnxruntime.build import build

        return build(checkpoint, folder, int8_activations=asked["activations"] == INT8)

    def load_libraries(self, engine: "Engine") -> None:
        """Import ONNX Runtime's generation loop."""
        try:
            import numpy  # noqa: F401
            import onnxruntime_genai  # noqa: F401
        except ImportError as error:
            raise ColdforgeError(
                f"ONNX Runtime cannot be imported: {error}", "use the image of stack cpu"
            ) from error

    def open(self, engine: "Engine", threads: int) -> Runner:
        """Load an engine into the generation loop."""
        from coldforge.engine.onnxruntime.runner import GenaiRunner

        return GenaiRunner(engine.folder, threads)

    def predict(self, outline: "Outline", settings: "MemorySettings") -> "Prediction":
        """Predict the process's bytes."""
        from coldforge.engine.onnxruntime.memory import predict_onnxruntime

        return predict_onnxruntime(outline, settings)

    def lossless(self, engine: "Engine") -> bool:
        """Tell whether no inputs are rounded."""
        return bool(engine.card["settings"]["activations"] == FLOAT32)

    def logits(self, engine: "Engine") -> Any:  # noqa: ANN401 - a BaseRunner of Polygraphy
        """Return the graph in a session, loaded once."""
        from coldforge.engine.onnxruntime.runner import logits_runner

        return logits_runner(self.title, engine.folder)

    def not_compared(self) -> str:
        """Say that it runs graphs of its own."""
        return "the engine has no ONNX graph"


BACKEND = OnnxRuntime()
