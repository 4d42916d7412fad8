"""Run git as the user has configured it, without questions, hooks or a repository of its own.

The configuration's url.<base>.insteadOf, proxies, certificates and credentials hold.
"""

import os
import subprocess
from pathlib import Path

from coldforge.errors import MissingInputError

# Variables that a calling git (a hook, an alias) sets for its own repository.
FOREIGN = {
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_NAMESPACE"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_SHALLOW_FILE"),
    *("GIT_GRAFT_FILE", "GIT_REPLACE_REF_BASE", "GIT_PREFIX", "GIT_CONFIG"),
}
ENVIRONMENT = {
    "GIT_DEFAULT_HASH": "sha1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
SETTINGS = {
    "core.hooksPath": os.devnull,
    "gc.auto": "0",
    "http.lowSpeedLimit": "1",  # bytes per second; a server that says nothing for
    "http.lowSpeedTime": "60",  # seconds is given up
}


def remote_url(url: str) -> str:
    """Apply the user's url.<base>.insteadOf as git does; raise MissingInputError without git."""
    done = run(None, "ls-remote", "--get-url", "--", url)
    return done.stdout.decode("utf-8", "replace").strip() or url


def setting(key: str) -> str:
    """Read the user's or the system's git configuration; "" where it says nothing."""
    done = run(None, "config", "--get", key)
    return done.stdout.decode("utf-8", "replace").strip()


def credentials(url: str) -> tuple[str, str] | None:
    """Ask git's credential helpers for the name and password of a URL; None if they know none."""
    done = run(None, "credential", "fill", given=f"url={url}\n\n".encode())
    lines = done.stdout.decode("utf-8", "replace").splitlines() if done.returncode == 0 else []
    found = dict(line.partition("=")[::2] for line in lines)
    return (found["username"], found["password"]) if "password" in found else None


def run(
    folder: Path | None, *words: str, given: bytes = b""
) -> "subprocess.CompletedProcess[bytes]":
    """Run git in a bare repository, or in none; raise MissingInputError where git is missing."""
    try:
        return subprocess.run(
            command(folder, *words),
            env=environment(),
            cwd="/",  # Not in a repository whose own configuration would count.
            input=given,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as error:
        message = "git, which fetches the sources of releases, is not here"
        raise MissingInputError(message, "run: apt-get install git") from error


def command(folder: Path | None, *words: str) -> list[str]:
    """Write a command line with our settings before the words."""
    settings = [word for key, value in SETTINGS.items() for word in ("-c", f"{key}={value}")]
    place = [f"--git-dir={folder.absolute()}"] if folder else []
    return ["git", *settings, *place, *words]


def environment() -> dict[str, str]:
    """Ask no questions, speak no language, follow no replacement of objects."""
    kept = {key: value for key, value in os.environ.items() if key not in FOREIGN}
    return kept | ENVIRONMENT
