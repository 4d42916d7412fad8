"""Imported once by the server that child processes fork from: all that takes long to import."""

from importlib import import_module
from importlib.util import find_spec

from coldforge.model.families.registry import families
from coldforge.model.runtime import prepare

LIBRARIES = ("torch", "transformers")


def preload() -> None:
    """Import our modules, and the heavy libraries where they are installed.

    Raise RuntimeError if a module of ours is missing: the server would ignore an ImportError.
    """
    prepare()
    try:
        import coldforge.evaluate.perplexity
        import coldforge.model.loading.load
        import coldforge.model.tokens
        import coldforge.quantize.quantize  # noqa: F401
        from coldforge.quantize.registry import methods

        methods()
    except ImportError as error:
        raise RuntimeError(f"preloading failed: {error}") from error
    if all(map(find_spec, LIBRARIES)):
        _preload_libraries()


def _preload_libraries() -> None:
    import_module("torch")
    # Transformers imports its parts when they are asked for.
    for name in ("AutoConfig", "AutoModelForCausalLM", "AutoTokenizer"):
        getattr(import_module("transformers"), name)
    for family in families():
        import_module(f"transformers.models.{family}.modeling_{family}")


preload()
