"""bf16: two bytes a weight with the range of float32."""

from coldforge.quantize.methods.fp16 import Half

METHOD = Half("bf16", "bfloat16")
