"""Models by their numbers, as their makers published them."""

from typing import Any

from coldforge.engine.backend import PREDICTED, find_backend
from coldforge.engine.commands.memory import complete, predict
from coldforge.engine.memory.outline import Outline, asked_widths, widths_of
from coldforge.engine.memory.prediction import Prediction
from coldforge.engine.memory.settings import MemorySettings
from coldforge.model.families.dimensions import dimensions

CODELLAMA_34B = {
    "model_type": "llama", "hidden_size": 8192, "intermediate_size": 22016,
    "num_hidden_layers": 48, "num_attention_heads": 64, "num_key_value_heads": 8,
    "vocab_size": 32016, "max_position_embeddings": 16384, "torch_dtype": "float16",
}  # fmt: skip
LLAMA2_7B = {
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32,
    "vocab_size": 32000, "max_position_embeddings": 4096, "torch_dtype": "float16",
}  # fmt: skip
GPT2 = {
    "model_type": "gpt2", "n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 1024,
    "vocab_size": 50257,
}  # fmt: skip


def outline(config: dict[str, Any], bits: int = 0, group_size: int = 128) -> Outline:
    settings = config.get("quantization_config") or {}
    widths = asked_widths(bits, group_size) if bits else widths_of(settings)
    return Outline(dimensions(config), config, widths)


def predicted(
    config: dict[str, Any], bits: int = 0, backend: str = PREDICTED, **settings: Any
) -> Prediction:
    model = outline(config, bits)
    return predict(find_backend(backend), model, complete(model, MemorySettings(**settings)))
