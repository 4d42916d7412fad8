"""Hand Coldforge's tasks to Invoke."""

from coldforge.tasks import namespace

__all__ = ["namespace"]
