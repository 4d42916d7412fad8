"""The versions of what writes, runs and compares engines."""

LIBRARIES = ("onnx", "onnxruntime", "onnxruntime-genai", "polygraphy", "tensorrt", "tensorrt_llm")


def runtimes() -> dict[str, str]:
    """List those that are installed."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
