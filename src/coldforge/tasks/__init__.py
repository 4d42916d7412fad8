"""The Invoke namespaces; each task parses, calls one function and prints."""

import os

from invoke.collection import Collection


def inside() -> bool:
    """Tell whether this runs in an image of ours, where only the model tasks make sense."""
    return bool(os.environ.get("COLDFORGE_IN_IMAGE"))


def collect() -> Collection:
    """Gather the tasks that make sense here."""
    from coldforge.tasks import model

    root = Collection()
    model.add_to(root)
    if not inside():
        from coldforge.tasks import host, image, mirror, quickstart, stack

        for module in (image, mirror, stack):
            root.add_collection(module.namespace)
        for task in (host.doctor, host.test, quickstart.quickstart):
            root.add_task(task)
    return root


namespace = collect()
