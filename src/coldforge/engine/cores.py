"""How many processors this process may use."""

import os


def cores() -> int:
    """Count them; a container or taskset may leave fewer than the machine has."""
    return len(os.sched_getaffinity(0))
