"""Ask the resolver which files satisfy requirements, for an interpreter that is not the host's."""

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from coldforge.errors import ColdforgeError
from coldforge.mirror.http.urls import redact
from coldforge.mirror.settings.pip import PipConfig
from coldforge.stack.stack import Python

ALL = "*"
UNREADABLE = re.compile(r"Failed to build `([^`]+)`")
UNBUILDABLE = re.compile(r"Wheels are required for `([^`]+)`")


class File(msgspec.Struct, frozen=True):
    """An artifact on offer; `size` is -1 and `sha256` empty where the index does not say."""

    name: str
    url: str
    sha256: str
    size: int


class ResolvedPackage(msgspec.Struct, frozen=True):
    """A package the resolver chose, with the files it may be installed from."""

    name: str
    version: str
    files: list[File]
    marker: str = ""


class Resolver(msgspec.Struct, frozen=True):
    """Everything about a resolution that does not change between questions."""

    python: Python
    pip: PipConfig
    indexes: list[str]
    """In order of trust; each is known to answer."""
    cache: Path

    def resolve(
        self,
        requirements: list[str],
        pins: dict[str, str],
        update: set[str],
        sdists: set[str] = frozenset(),  # type: ignore[assignment]
        constraints: dict[str, str] | None = None,
    ) -> list[ResolvedPackage]:
        """Resolve to wheels, and to sdists for the packages in `sdists`; raise ColdforgeError.

        `pins` are kept where they still fit, save for the names in `update` ("*" for all);
        `constraints` hold without exception. Nothing is built on this machine.
        """
        with tempfile.TemporaryDirectory(prefix="coldforge-") as name:
            folder = Path(name)
            (folder / "in.txt").write_text("\n".join(requirements) + "\n", "utf-8")
            (folder / "pylock.toml").write_text(pylock(pins), "utf-8")
            fixed = [f"{key}=={value}" for key, value in (constraints or {}).items()]
            (folder / "fixed.txt").write_text("\n".join(fixed) + "\n", "utf-8")
            self._run(folder, ["venv", "bare", f"--python={sys.executable}", "--no-project"])
            self._run(folder, self._options(update, sdists))
            return parse(folder / "pylock.toml")

    def _run(self, folder: Path, arguments: list[str]) -> None:
        import uv

        command = [uv.find_uv_bin(), *arguments, "--quiet", "--no-config"]
        env = self._environment()
        done = subprocess.run(
            command, cwd=folder, env=env, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise _explain(done.stderr, self.python)

    def _options(self, update: set[str], sdists: set[str]) -> list[str]:
        upgrades = [f"--upgrade-package={name}" for name in sorted(update - {ALL})]
        return [
            *("pip", "compile", "in.txt", "--constraints=fixed.txt"),
            *("--format=pylock.toml", "--output-file=pylock.toml"),
            f"--python-version={self.python.version}",
            f"--python-platform={self.python.platform}",
            *("--index-strategy=unsafe-best-match", "--only-binary=:all:"),
            # An sdist's static metadata is read. One that has none would be built to learn it:
            # in an interpreter that holds no build backend, that fails instead.
            *("--no-build-isolation", "--python=bare/bin/python"),
            *(f"--no-binary={name}" for name in sorted(sdists)),
            *(["--upgrade"] if ALL in update else upgrades),
            *([] if self.indexes else ["--no-index"]),
        ]

    def _environment(self) -> dict[str, str]:
        """Pass addresses in the environment: an argument list is for every user to read."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("UV_")}
        kept |= {
            "UV_CACHE_DIR": str(self.cache / "uv"),
            "UV_FIND_LINKS": ",".join(self.pip.find_links),
            "UV_INSECURE_HOST": " ".join(self.pip.trusted),
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_SYSTEM_CERTS": "true",
        }
        if self.indexes:
            # The resolver looks at its default index last, whatever its name says.
            kept |= {"UV_INDEX": " ".join(self.indexes[:-1]), "UV_DEFAULT_INDEX": self.indexes[-1]}
        if self.pip.cert:
            kept["SSL_CERT_FILE"] = self.pip.cert
        if self.pip.proxy:
            kept |= {"HTTP_PROXY": self.pip.proxy, "HTTPS_PROXY": self.pip.proxy}
        return kept


def pylock(pins: dict[str, str]) -> str:
    """Write the earlier versions in the resolver's own format, for it to prefer."""
    lines = ['lock-version = "1.0"', 'created-by = "coldforge"']
    if not pins:
        lines.append("packages = []")
    for name, version in sorted(pins.items()):
        lines += ["[[packages]]", f'name = "{name}"', f'version = "{version}"']
    return "\n".join(lines) + "\n"


def parse(path: Path) -> list[ResolvedPackage]:
    """Read a pylock.toml (PEP 751)."""
    packages = tomllib.loads(path.read_text("utf-8")).get("packages", [])
    return [_package(item, path.parent) for item in packages]


def _package(item: dict[str, Any], folder: Path) -> ResolvedPackage:
    offered = [*item.get("wheels", []), *([item["sdist"]] if "sdist" in item else [])]
    files = [_file(entry, folder) for entry in offered]
    return ResolvedPackage(
        item["name"], str(item.get("version", "")), files, item.get("marker", "")
    )


def _file(entry: dict[str, Any], folder: Path) -> File:
    url = entry.get("url") or (folder / entry["path"]).resolve().as_uri()
    name = entry.get("name") or unquote(urlsplit(url).path.rpartition("/")[2])
    return File(name, url, entry.get("hashes", {}).get("sha256", ""), entry.get("size", -1))


def _explain(stderr: str, python: Python) -> ColdforgeError:
    if match := UNBUILDABLE.search(stderr):
        name = match[1]
        message = f"'{name}' has no wheel for Python {python.version} on {python.platform}"
        return ColdforgeError(message, f"add wheels/{name}/ and name it in a layer's `wheels`")
    if match := UNREADABLE.search(stderr):
        message = f"the sdist of '{match[1]}' does not state its dependencies without being built"
        raise ColdforgeError(message, "pin a version that does in its wheels/*/wheel.toml")
    lines = [line.strip() for line in redact(stderr).splitlines() if line.strip()]
    hint = next((line for line in lines if line.startswith("hint:")), "")
    said = " ".join(line for line in lines if not line.startswith(("hint:", "warning:")))
    hint = hint.removeprefix("hint:").strip() or "correct the requirements of layers and recipes"
    return ColdforgeError(f"cannot resolve the Python packages: {said}", hint)
