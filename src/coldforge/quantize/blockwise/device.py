"""Which device computes."""

from coldforge.errors import ColdforgeError

DEVICES = ("cpu", "cuda", "auto")


def find_device(name: str, dtype: str = "float32") -> str:
    """Return cpu or cuda; raise ColdforgeError if it is not there or has no such arithmetic."""
    import torch

    if name not in DEVICES:
        raise ColdforgeError(f"no device {name!r}", f"choose --device: {', '.join(DEVICES)}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ColdforgeError("no CUDA device is at hand", "choose --device cpu, or auto")
    found = "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"
    if found == "cpu" and dtype == "float16":
        raise ColdforgeError("float16 arithmetic needs a CUDA device", "choose --dtype bfloat16")
    return found
