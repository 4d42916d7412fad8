"""A pool of threads."""

from typing import Any, Protocol


class Pool(Protocol):
    """Runs work in parallel; results are in the order of the items."""

    def map(self, work: Any, items: Any) -> list[Any]:  # noqa: ANN401 - any work
        """Return the result of `work` for each item."""
