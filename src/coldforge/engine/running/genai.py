"""An ONNX Runtime engine in its generation loop."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from coldforge.engine.dimensions import read_dimensions
from coldforge.errors import ColdforgeError


class GenaiRunner:
    """A loaded engine; see Runner."""

    def __init__(self, folder: Path, threads: int = 0) -> None:
        """Load it; `threads` 0 leaves the choice to the runtime. Raise ColdforgeError."""
        import json

        import onnxruntime_genai as genai

        size = read_dimensions(folder)
        self.folder, self.size = folder, size
        self.positions, self.vocab = size.positions, size.vocab
        config = genai.Config(str(folder))
        if threads:
            wanted = {"intra_op_num_threads": threads}
            config.overlay(json.dumps({"model": {"decoder": {"session_options": wanted}}}))
        try:
            self._model = genai.Model(config)
        except RuntimeError as error:
            raise ColdforgeError(
                f"{folder} cannot be loaded: {str(error).splitlines()[0]}", "build it again"
            ) from error

    def follow(self, prompts: list[list[int]], count: int) -> Iterator[list[int]]:
        """Yield `count` times the likeliest next token of each prompt; all are equally long."""
        import numpy as np
        import onnxruntime_genai as genai

        most = len(prompts[0]) + count
        params = genai.GeneratorParams(self._model)
        params.set_search_options(
            batch_size=len(prompts), do_sample=False, max_length=most, min_length=most
        )
        generator = genai.Generator(self._model, params)
        generator.append_tokens(np.array(prompts, dtype=np.int32))
        for _ in range(count):
            generator.generate_next_token()
            yield [int(token) for token in generator.get_next_tokens()]

    def logits(self, ids: list[int]) -> Any:  # noqa: ANN401 - an array
        """Return the logits of every position, float32 (tokens, vocab)."""
        import numpy as np
        import onnxruntime as ort

        from coldforge.engine.onnx.export import inputs_of

        session = ort.InferenceSession(str(self.folder / "model.onnx"))
        fed = inputs_of(self.size, np.array([ids], dtype=np.int64))
        return session.run(["logits"], fed)[0][0]
