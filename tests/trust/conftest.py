from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coldforge.trust.keys import Key, public_text
from coldforge.trust.trust import Trust

NAMES = ("anna", "ben", "cleo", "dora")


class People:
    """Some people with keys; the same in every run."""

    def __init__(self) -> None:
        self.private = {
            name: Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
            for number, name in enumerate(NAMES, 1)
        }

    def key(self, name: str) -> Key:
        return Key(name, public_text(self.private[name]))

    def trust(self, threshold: int, *names: str, version: int = 1) -> Trust:
        return Trust(1, version, threshold, [self.key(name) for name in names])


@pytest.fixture(scope="session")
def people() -> Any:
    return People()
