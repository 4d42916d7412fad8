"""The environment of the libraries: offline, caches in a scratch folder, quiet imports."""

import atexit
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

NOISY = ("torchao", "torch.utils._pytree", "tokenicer", "transformers", "datasets")

THREADS = 2
"""Fixed wherever results are stored: the number of cores must not change a byte."""


@cache
def prepare() -> Path:
    """Set the environment before the heavy imports; return the scratch folder.

    The home folder may be missing and the root file system read-only: every cache goes to the
    scratch folder, which is removed when the process ends.
    """
    scratch = Path(tempfile.mkdtemp(prefix="coldforge-"))
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    for name in ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "TRANSFORMERS_OFFLINE"):
        os.environ[name] = "1"
    for name in ("HF_HOME", "XDG_CACHE_HOME", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"):
        os.environ[name] = str(scratch / name.lower())
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    # Threads wait without spinning: several times faster on shared cores.
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    os.environ["TQDM_DISABLE"] = "1"
    # One instruction set on all machines: wider ones add in another order.
    os.environ.setdefault("MKL_CBWR", "AVX2")
    os.environ.setdefault("ATEN_CPU_CAPABILITY", "avx2")
    # GPTQModel's fast packer is compiled on first use; its plain one gives the same bytes.
    os.environ["GPTQMODEL_DISABLE_PACK_EXT"] = "1"
    os.environ["GPTQMODEL_TORCH_EXTENSIONS_DIR"] = str(scratch / "extensions")
    os.environ["GPTQMODEL_DISABLE_GIL_WARNING"] = "1"
    # Fewer than two workers and it stops on machines with two cores.
    os.environ.setdefault("GPTQMODEL_CPU_WORKERS", str(max(2, len(os.sched_getaffinity(0)))))
    _hush()
    return scratch


def _hush() -> None:
    """Silence warnings about missing accelerators; errors are still shown."""
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    for module in ("torch", "torchao", "transformers", "gptqmodel", "huggingface_hub"):
        warnings.filterwarnings("ignore", module=module)
        warnings.filterwarnings("ignore", module=rf"{module}\..*")


def keep_memory() -> None:
    """Ask the C library to keep freed memory: mapping large tensors again takes a sixth longer.

    For small models only; a large one should return its memory. Without glibc it changes nothing.
    """
    import ctypes

    mmap_threshold, trim_threshold = -3, -1  # names of <malloc.h>
    try:
        libc = ctypes.CDLL(None)
        libc.mallopt(mmap_threshold, 1 << 30)
        libc.mallopt(trim_threshold, (1 << 31) - 1)
    except (AttributeError, OSError):
        return


@contextmanager
def threads(count: int = THREADS) -> Iterator[None]:
    """Compute with `count` threads, however many cores there are.

    Sums split over another number of threads round differently: results would depend on the cores.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def image() -> str | None:
    """Return the digest of the image this runs in; None outside of one."""
    return os.environ.get("COLDFORGE_IMAGE") or None


def versions() -> dict[str, str]:
    """List the installed versions that decide the bytes of a result."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for name in ("numpy", "safetensors", "tokenizers", "torch", "transformers"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
