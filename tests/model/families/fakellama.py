"""Llama's modules under other names, registered with Transformers for a while."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def registered(renamed: Callable[[str], str]) -> Iterator[tuple[Any, Any]]:
    """Let Transformers know the model_type fakellama; yield its config and its model."""
    from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

    class FakeLlamaConfig(LlamaConfig):
        model_type = "fakellama"
        attribute_map = {"hidden_size": "width"}  # noqa: RUF012

    class FakeLlamaForCausalLM(LlamaForCausalLM):
        config_class = FakeLlamaConfig
        base_model_prefix = "decoder"

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            _rename(self, renamed)

    AutoConfig.register("fakellama", FakeLlamaConfig)
    AutoModelForCausalLM.register(FakeLlamaConfig, FakeLlamaForCausalLM)
    try:
        yield FakeLlamaConfig, FakeLlamaForCausalLM
    finally:
        CONFIG_MAPPING._extra_content.pop("fakellama")
        MODEL_FOR_CAUSAL_LM_MAPPING._extra_content.pop(FakeLlamaConfig)


def _rename(module: Any, renamed: Callable[[str], str], prefix: str = "") -> None:
    """Give modules their new names; the code that uses them finds them under both."""
    for name, child in list(module.named_children()):
        full = f"{prefix}{name}"
        _rename(child, renamed, f"{full}.")
        new = renamed(f"{full}.").rstrip(".").rpartition(".")[2]
        if new != name:
            module._modules[new] = module._modules.pop(name)
            # An attribute beside the modules: it has no parameters of its own.
            object.__setattr__(module, name, child)
