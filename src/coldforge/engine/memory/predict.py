"""Memory from numbers alone: no file is read, nothing is run."""

from dataclasses import replace

from coldforge.engine.card import ONNXRUNTIME
from coldforge.engine.memory.onnxruntime import predict_onnxruntime
from coldforge.engine.memory.outline import Outline
from coldforge.engine.memory.prediction import Prediction
from coldforge.engine.memory.settings import Settings, lengths
from coldforge.engine.memory.tensorrt import predict_tensorrt


def complete(outline: Outline, settings: Settings) -> Settings:
    """Fill in the lengths nobody asked for; raise ColdforgeError for what cannot be."""
    size = outline.size
    into, out = lengths(size, settings.max_input_len, settings.max_output_len)
    filled = replace(settings, max_input_len=into, max_output_len=out)
    filled.check(size)
    return filled


def predict(outline: Outline, settings: Settings) -> Prediction:
    """Predict the bytes of an engine with complete settings."""
    if settings.backend == ONNXRUNTIME:
        return predict_onnxruntime(outline, settings)
    return predict_tensorrt(outline, settings)
