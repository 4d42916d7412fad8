"""Qwen2: a Llama with biases on queries, keys and values."""

from dataclasses import replace

from coldforge.model.families import llama

FAMILY = replace(
    llama.FAMILY, name="qwen2", biases=dict.fromkeys(llama.FAMILY.stages[0].layers, True)
)
