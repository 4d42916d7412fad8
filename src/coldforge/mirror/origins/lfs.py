"""The Git LFS origin: large files a source tree only points to."""

from collections.abc import Iterable

from coldforge.stack.lock import Entry


class LfsOrigin:
    """Ask the LFS endpoint of a repository for an object's URL."""

    def candidates(self, entry: Entry) -> Iterable[str]:
        """Give the URLs the endpoint names; nothing if it does not answer."""
        raise NotImplementedError
