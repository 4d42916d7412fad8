"""The Invoke namespace: each task parses, calls one function and prints.

A module here registers its tasks itself; private modules, such as _command, have none:

    TASKS = everywhere(bench)                          # `bench`, on the host and in images
    TASKS = on_host(Collection("stack", lock))         # `stack.lock`, on the host only
"""

from invoke.collection import Collection

from coldforge.plugins import provided
from coldforge.tasks._command import Registered, inside


def collect() -> Collection:
    """Collect the tasks of every module that run here: on the host, or in an image."""
    root = Collection()
    registered: dict[str, Registered] = provided(__name__, "TASKS")
    for tasks in registered.values():
        if tasks.in_image if inside() else tasks.on_host:
            for item in tasks.items:
                root.add_collection(item) if isinstance(item, Collection) else root.add_task(item)
    return root


namespace = collect()
