"""GPTQ checkpoints, version 2: zero points are stored as they are."""

from coldforge.checkpoint.formats.gptq import GptqFormat

FORMAT = GptqFormat("gptq_v2", offset=0)
