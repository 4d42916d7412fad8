"""A package that grows by a file for the length of a test."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def grown(package: str, folder: Path, found: Callable[[], Any]) -> Iterator[Path]:
    """Let the modules of a new `folder` belong to `package`, whose things `found` lists cached."""
    place = import_module(package)
    before = set(sys.modules)
    folder.mkdir()
    clear = getattr(found, "cache_clear")  # noqa: B009 - of functools.cache
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, "__path__", [*place.__path__, str(folder)])
        patch.setattr(sys, "dont_write_bytecode", True)
        clear()
        try:
            yield folder
        finally:
            clear()
            for name in set(sys.modules) - before:
                if Path(getattr(sys.modules[name], "__file__", "") or "").parent == folder:
                    del sys.modules[name]
                    delattr(place, name.rpartition(".")[2])
