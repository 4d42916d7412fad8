"""The Invoke namespaces; each task parses, calls one function and prints."""

from invoke.collection import Collection

from coldforge.tasks._command import inside


def collect() -> Collection:
    """Gather the tasks that make sense here."""
    from coldforge.tasks.bench import bench
    from coldforge.tasks.calibrate import calibrate
    from coldforge.tasks.checkpoint import namespace as checkpoint
    from coldforge.tasks.compare import compare
    from coldforge.tasks.engine import namespace as engine
    from coldforge.tasks.evaluate import evaluate
    from coldforge.tasks.generate import generate
    from coldforge.tasks.model import namespace as model
    from coldforge.tasks.quantize import quantize
    from coldforge.tasks.report import report
    from coldforge.tasks.survey import survey
    from coldforge.tasks.sweep import sweep

    root = Collection(model, checkpoint, engine)
    for task in (calibrate, quantize, evaluate, compare, generate, survey, sweep, bench, report):
        root.add_task(task)
    if inside():
        from coldforge.tasks._samples import samples

        root.add_task(samples)
        return root
    from coldforge.tasks.host import doctor, test
    from coldforge.tasks.image import namespace as image
    from coldforge.tasks.key import namespace as key
    from coldforge.tasks.mirror import namespace as mirror
    from coldforge.tasks.quickstart import quickstart
    from coldforge.tasks.stack import namespace as stack
    from coldforge.tasks.wheel import namespace as wheel

    for branch in (image, key, mirror, stack, wheel):
        root.add_collection(branch)
    for task in (doctor, test, quickstart):
        root.add_task(task)
    return root


namespace = collect()
