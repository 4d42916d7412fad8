"""Hidden states on disk: the inputs of a block, whatever the size of the calibration."""

import os
from pathlib import Path
from typing import Any

from coldforge.errors import ColdforgeError


class Activations:
    """Hidden states of all windows in one file of float32, read and written window by window.

    Plain reads and writes: mapped pages would count as this process's memory.
    """

    def __init__(self, path: Path, count: int, length: int, width: int) -> None:
        """Open `count` windows of (1, length, width) at `path`."""
        self.path, self.count, self.length, self.width = path, count, length, width
        self._size = 4 * length * width
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def read(self, index: int) -> Any:  # noqa: ANN401 - a tensor
        """Read one window's hidden states, (1, length, width) float32."""
        import torch

        raw = bytearray(os.pread(self._file, self._size, index * self._size))
        if len(raw) != self._size:
            raise ColdforgeError(
                f"{self.path.name} is truncated", "remove the folder and run again"
            )
        return torch.frombuffer(raw, dtype=torch.float32).view(1, self.length, self.width)

    def write(self, index: int, hidden: Any) -> None:  # noqa: ANN401 - a tensor
        """Write one window's hidden states; threads may write different windows at once."""
        raw = memoryview(hidden.detach().to("cpu").float().contiguous().numpy()).cast("B")
        at = index * self._size
        while raw:
            done = os.pwrite(self._file, raw, at)
            raw, at = raw[done:], at + done

    def close(self) -> None:
        """Sync and close the file."""
        os.fsync(self._file)
        os.close(self._file)
