"""Imported once by the server that child processes fork from: all that takes long to import."""

from contextlib import suppress
from importlib import import_module

from coldforge.model.families.registry import families
from coldforge.model.runtime import prepare


def warm() -> None:
    """Import the heavy libraries, their surroundings set; leave out what is not installed."""
    prepare()
    with suppress(ImportError):
        import_module("torch")
        # Transformers imports its parts when they are asked for.
        for name in ("AutoConfig", "AutoModelForCausalLM", "AutoTokenizer"):
            getattr(import_module("transformers"), name)
        for family in families():
            import_module(f"transformers.models.{family}.modeling_{family}")
        for name in ("model.loading.load", "quantize.registry", "quantize.quantize"):
            import_module(f"coldforge.{name}")


warm()
