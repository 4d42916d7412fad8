"""The start of training: the model quantised by GPTQ."""

from dataclasses import replace
from typing import Any

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.checkpoint.formats.registry import find_format
from coldforge.files.output import WORK
from coldforge.model.loading.reading import Reader
from coldforge.quantize.blockwise.config import write_configs
from coldforge.quantize.blockwise.request import Request
from coldforge.quantize.blockwise.run import quantise_blocks
from coldforge.quantize.methods.gptq import GptqQuantiser
from coldforge.quantize.solver.gptq import GptqConfig


def gptq_start(request: Request) -> dict[str, Quantized]:
    """Quantise by GPTQ unless an earlier run did; return the layers by name."""
    from coldforge.model.tokens import copy_files

    folder = request.out / WORK / "start"
    folder.mkdir(parents=True, exist_ok=True)
    settings = {name: request.settings[name] for name in ("bits", "group_size", "sym")}
    # The config is written last: where it exists, the rest is complete.
    if not (folder / "config.json").is_file():
        solving = GptqQuantiser(lambda layer: GptqConfig(**settings))
        plain = replace(request, out=folder, settings=settings)
        result = quantise_blocks(plain, solving, find_format("gptq"))
        copy_files(request.checkpoint.folder, folder)
        write_configs(request.checkpoint, folder, result)
    made = read_checkpoint(folder)
    reader: Any = Reader(made)
    return {name: reader.layer(item) for name, item in made.linears.items() if item.format}
