"""Running an ONNX Runtime engine: its generation loop, and its logits."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from coldforge.engine.backend import cores
from coldforge.engine.onnxruntime.graph.genai_config import FILE
from coldforge.engine.onnxruntime.graph.graph import GRAPH
from coldforge.errors import ColdforgeError
from coldforge.model.families.dimensions import read_dimensions


class GenaiRunner:
    """A loaded engine; see Runner."""

    def __init__(self, folder: Path, threads: int = 0) -> None:
        """Load it; `threads` 0 takes every core we may use. Raise ColdforgeError."""
        import onnxruntime_genai as genai

        size = read_dimensions(folder)
        self.folder = folder.absolute()
        self.positions, self.vocab = size.positions, size.vocab
        # By default the loop uses fewer threads than there are cores: one of two.
        options = {"intra_op_num_threads": threads or cores()}
        try:
            with _endless(self.folder) as place:
                config = genai.Config(str(place))
                config.overlay(json.dumps({"model": {"decoder": {"session_options": options}}}))
                self._model = genai.Model(config)
        except (RuntimeError, MemoryError) as error:
            raise ColdforgeError(
                f"{folder} cannot be loaded: {_first(error)}", "build it again"
            ) from error

    def follow(self, prompts: list[list[int]], count: int) -> Iterator[list[int]]:
        """Yield `count` times the likeliest next token of each prompt; all are equally long.

        Raise ColdforgeError if the runtime fails, mostly because memory is short.
        """
        import numpy as np
        import onnxruntime_genai as genai

        most = len(prompts[0]) + count
        params = genai.GeneratorParams(self._model)
        params.set_search_options(batch_size=len(prompts), do_sample=False, max_length=most)
        try:
            generator = genai.Generator(self._model, params)
            generator.append_tokens(np.array(prompts, dtype=np.int32))
            for _ in range(count):
                generator.generate_next_token()
                yield [int(token) for token in generator.get_next_tokens()]
        except (RuntimeError, MemoryError) as error:
            raise ColdforgeError(
                f"{self.folder} failed: {_first(error)}", "try fewer prompts at once, or shorter"
            ) from error


def logits_runner(name: str, folder: Path) -> Any:  # noqa: ANN401 - a BaseRunner of Polygraphy
    """Load an engine's graph once, to compute logits.

    Polygraphy reaches for TensorRT only where a runner of it is asked for, and none is here.
    """
    from polygraphy.backend.onnxrt import OnnxrtRunner, SessionFromOnnx
    from polygraphy.logger import G_LOGGER

    with G_LOGGER.verbosity(G_LOGGER.CRITICAL):  # it writes to stdout
        return OnnxrtRunner(SessionFromOnnx(str(folder / GRAPH))(), name=name)


@contextmanager
def _endless(folder: Path) -> Iterator[Path]:
    """Yield a folder of links to an engine's files, its settings without an end token.

    The loop pads after an end token, but a caller that asks for `count` tokens finds the end
    itself. Raise ColdforgeError if the loop's settings cannot be read.
    """
    try:
        settings = json.loads((folder / FILE).read_text("utf-8"))
        del settings["model"]["eos_token_id"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ColdforgeError(f"{folder / FILE} cannot be read: {error}", "build it again") from None
    with TemporaryDirectory(prefix="coldforge-") as name:
        place = Path(name)
        for path in folder.iterdir():
            if path.name != FILE:
                (place / path.name).symlink_to(path)
        (place / FILE).write_text(json.dumps(settings), "utf-8")
        yield place


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
