"""A forge on this disk: real git repositories that `github:owner/name` leads to."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from coldforge.mirror.origins.git.forge import BASES, Commit

WHO = {
    "GIT_AUTHOR_NAME": "Test",
    "GIT_AUTHOR_EMAIL": "test@example.org",
    "GIT_AUTHOR_DATE": "1700000000 +0000",
    "GIT_COMMITTER_NAME": "Test",
    "GIT_COMMITTER_EMAIL": "test@example.org",
    "GIT_COMMITTER_DATE": "1700000000 +0000",
}
OID = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize 12345\n".encode()


class Forge:
    """Bare repositories under one folder, and a git configuration that maps the forge to it."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.config = root / "forge", root / "gitconfig"
        self.root.mkdir()
        self.lead(f"{self.root.as_uri()}/")
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(self.config))
        monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)

    def lead(self, base: str, below: str = "") -> None:
        """Lead the forge, or a place below it, to another address."""
        self.configure(f'[url "{base}"]\n\tinsteadOf = {BASES["github"]}{below}\n')

    def configure(self, text: str) -> None:
        self.config.write_text(text, "utf-8")

    def folder(self, name: str) -> Path:
        return self.root / f"{name}.git"

    def commit(self, name: str, files: Mapping[str, bytes | str | Commit]) -> Commit:
        """Commit a tree to owner/name: bytes are files, text is a symlink, a Commit a submodule.

        A file whose path ends in `*` is executable.
        """
        folder = self.folder(name)
        if not folder.exists():
            folder.mkdir(parents=True)
            self.git(name, "init", "--quiet", "--bare", "--initial-branch=main")
        lines = [self._line(name, path, content) for path, content in files.items()]
        index = {"GIT_INDEX_FILE": str(folder / "new-index")}
        (folder / "new-index").unlink(missing_ok=True)
        self.git(name, "update-index", "-z", "--index-info", given=b"".join(lines), more=index)
        tree = self.git(name, "write-tree", "--missing-ok", more=index)
        made = self.git(name, "commit-tree", "-m", "A tree", tree, more=WHO)
        self.git(name, "update-ref", "refs/heads/main", made)
        return Commit(f"github:{name}", made)

    def _line(self, name: str, path: str, content: bytes | str | Commit) -> bytes:
        if isinstance(content, Commit):
            return b"160000 %s\t%s\0" % (content.hex.encode(), os.fsencode(path))
        mode = "120000" if isinstance(content, str) else "100755" if path[-1] == "*" else "100644"
        data = content.encode() if isinstance(content, str) else content
        oid = self.git(name, "hash-object", "-w", "--stdin", given=data)
        return f"{mode} {oid}\t".encode() + os.fsencode(path.rstrip("*")) + b"\0"

    def git(
        self, name: str, *words: str, given: bytes = b"", more: Mapping[str, str] | None = None
    ) -> str:
        command = ["git", f"--git-dir={self.folder(name)}", *words]
        env = {**os.environ, **(more or {})}
        done = subprocess.run(command, input=given, env=env, capture_output=True, check=True)
        return done.stdout.decode().strip()
