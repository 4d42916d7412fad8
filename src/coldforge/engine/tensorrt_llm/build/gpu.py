"""The NVIDIA cards of this machine, and which compiled code runs on them."""

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

QUERY = ["nvidia-smi", "--query-gpu=name,compute_cap,driver_version", "--format=csv,noheader"]
SECONDS = 60


@dataclass(frozen=True)
class Gpu:
    """One card as the driver describes it."""

    name: str
    capability: str
    """Compute capability: 8.6."""
    driver: str

    @property
    def label(self) -> str:
        """Name its kind in a file's name."""
        return f"{'-'.join(self.name.split())}-{self.capability}".lower().replace("/", "-")


def find_gpus() -> tuple[list[Gpu], str]:
    """Ask the driver; return the cards, or why there are none."""
    try:
        result = subprocess.run(
            QUERY, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            errors="replace", timeout=SECONDS, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        return [], "no NVIDIA driver: nvidia-smi is not there"
    except (OSError, subprocess.TimeoutExpired) as error:
        return [], f"the NVIDIA driver does not answer: {error}"
    found = read_gpus(result.stdout) if not result.returncode else []
    if found:
        return found, ""
    output = (result.stdout + result.stderr).strip().splitlines()
    return [], f"no NVIDIA GPU: nvidia-smi says: {output[0] if output else 'nothing'}"


def read_gpus(text: str) -> list[Gpu]:
    """Read what nvidia-smi prints, a card a line; other lines are left out."""
    fields = [[part.strip() for part in line.split(",")] for line in text.splitlines()]
    return [Gpu(*row) for row in fields if len(row) == 3 and _digits(row[1])]


def runs_on(capability: str, architectures: Iterable[str]) -> bool:
    """Tell whether code for `architectures` (CMake's names) runs on a card.

    Machine code runs on its own major version from its minor on, PTX on everything later; a name
    that ends in a letter means that card alone. Source: CUDA C++ programming guide, compatibility.
    """
    card = _digits(capability)
    return any(_runs(card, architecture) for architecture in architectures)


def _runs(card: int, architecture: str) -> bool:
    number, _, kind = architecture.partition("-")
    if not number.isdigit():
        return _digits(number[:-1]) == card
    made = int(number)
    machine = made // 10 == card // 10 and made <= card
    return (kind != "virtual" and machine) or (kind != "real" and made <= card)


def _digits(capability: str) -> int:
    """Read 8.6 as 86; 0 for what is no version."""
    digits = capability.replace(".", "")
    return int(digits) if digits.isdigit() else 0
