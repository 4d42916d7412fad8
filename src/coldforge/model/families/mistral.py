"""Mistral: a Llama whose blocks all see `sliding_window` tokens back, where config.json has it."""

from dataclasses import replace

from coldforge.model.families import llama

FAMILY = replace(llama.FAMILY, name="mistral", attention="sliding")
