"""Read a TOML file into a validated structure."""

import tomllib
from pathlib import Path
from typing import TypeVar

import msgspec

from coldforge.errors import ColdforgeError

T = TypeVar("T")


def read_toml(path: Path, shape: type[T]) -> T:
    """Parse `path` as `shape`; raise ColdforgeError naming the file and position."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), shape)
    except OSError as error:
        raise ColdforgeError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ColdforgeError(f"{path.name} is not TOML: {error}", f"fix {path}") from error
    except msgspec.ValidationError as error:
        raise ColdforgeError(f"{path.name}: {error}", f"fix {path}") from error
