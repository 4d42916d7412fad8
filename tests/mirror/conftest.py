"""A throw-away signing key, for signed Release files; a store, and a server to fill it from."""

import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from coldforge.mirror.http import retry
from coldforge.mirror.store import Store
from tests.mirror.server import Server


class Signer:
    """A key made for this run, and its public half as a keyring."""

    def __init__(self, home: Path) -> None:
        self.home, self.keyring = home, home / "keyring.gpg"
        making = ["--passphrase", "", "--quick-generate-key", "Test <t@example.org>", "ed25519"]
        self._gpg(*making, "sign", "never")
        self.keyring.write_bytes(self._gpg("--export"))

    def sign(self, text: str) -> bytes:
        """Sign in the clear, as InRelease is."""
        return self._gpg("--digest-algo", "SHA256", "--clearsign", given=text.encode())

    def armoured(self) -> str:
        """Give the public key as text."""
        return self._gpg("--armor", "--export").decode()

    def _gpg(self, *words: str, given: bytes = b"") -> bytes:
        command = ["gpg", "--homedir", str(self.home), "--batch", "--quiet"]
        command += ["--pinentry-mode", "loopback", *words]
        return subprocess.run(command, input=given, capture_output=True, check=True).stdout


@contextmanager
def key() -> Iterator[Signer]:
    # A short path: the agent's socket lies in it.
    with tempfile.TemporaryDirectory(prefix="cf-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        home.chmod(0o700)
        yield Signer(home)
        ending = ["gpgconf", "--homedir", folder, "--kill", "gpg-agent"]
        subprocess.run(ending, check=False, timeout=20)


@pytest.fixture(scope="session")
def signer() -> Iterator[Signer]:
    if not (shutil.which("gpg") and shutil.which("gpgv")):
        pytest.skip("needs gpg and gpgv: apt-get install gnupg gpgv")
    with key() as made:
        yield made


@pytest.fixture(scope="session")
def stranger(signer: Signer) -> Iterator[Path]:
    """A keyring that does not hold the signer's key."""
    with key() as made:
        yield made.keyring


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.02))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "blobs")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "BACKOFF", 0.01)
