"""Torch as a runner of Polygraphy, with the inputs and outputs of an engine's graph."""

import time
from typing import Any

from polygraphy.backend.base import BaseRunner
from polygraphy.common import TensorMetadata

from coldforge.engine.agreement.logits import LOGITS, Feed, run
from coldforge.engine.onnxruntime.graph.export import cache_names
from coldforge.model.families.dimensions import Dimensions


class TorchRunner(BaseRunner):  # type: ignore[misc]  # untyped
    """A Transformers model with the inputs of an engine's graph."""

    def __init__(self, name: str, model: Any, size: Dimensions) -> None:  # noqa: ANN401
        """Run a loaded model under a name."""
        super().__init__(name=name)
        self._model, self._size = model, size

    def get_input_metadata_impl(self) -> Any:  # noqa: ANN401 - a TensorMetadata
        """Name the inputs, with their types and shapes."""
        import numpy as np

        size = self._size
        meta = TensorMetadata().add("input_ids", dtype=np.int64, shape=(None, None))
        for pair in cache_names(size):
            for name in pair:
                shape = (None, size.kv_heads, None, size.head_dim)
                meta.add(name, dtype=np.float32, shape=shape)
        return meta

    def infer_impl(self, feed_dict: Feed) -> dict[str, Any]:
        """Return the logits, float32 (batch, tokens, vocab)."""
        begun = time.perf_counter()
        logits, _ = run(self._model, self._size, feed_dict)
        self.inference_time = time.perf_counter() - begun
        return {LOGITS: logits.numpy()}
