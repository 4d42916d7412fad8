"""A pool of threads that add in a fixed order."""

from typing import Any, Protocol


class Pool(Protocol):
    """Runs pieces of work beside each other, results in order."""

    def map(self, work: Any, items: Any) -> list[Any]:  # noqa: ANN401 - any work
        """Return what `work` makes of each item."""
