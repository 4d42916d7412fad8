"""Tasks about this machine and this checkout: `doctor` and `test`."""

from dataclasses import asdict
from functools import partial

from invoke.context import Context

from coldforge.tasks._command import emit, task

YES = "install and start what is missing without asking"


@partial(
    task,
    help={
        "stack": "stack to judge the host for",
        "online": "also ask pip's index",
        "json": "print for programs",
    },
)
def doctor(context: Context, stack: str = "cpu", online: bool = False, json: bool = False) -> None:
    """Check this host and say what to do about each miss."""
    from coldforge.host.check import healthy, table
    from coldforge.host.doctor import examine
    from coldforge.paths import Workspace

    checks = examine(Workspace.find(), stack, online)
    emit([asdict(check) for check in checks], json, table(checks))
    if not healthy(checks):
        raise SystemExit(1)


@partial(
    task,
    help={
        "only": "run the tests whose names match (pytest -k)",
        "quick": "leave out what needs an engine, the origins or torch",
        "yes": YES,
    },
)
def test(context: Context, only: str = "", quick: bool = False, yes: bool = False) -> None:
    """Run the test suite, linters included."""
    from coldforge.host.docker_client import ensure_docker
    from coldforge.host.suite import run_suite
    from coldforge.paths import Workspace

    if not quick:
        ensure_docker(yes).close()
    status, tally = run_suite(Workspace.find().root, only, quick)
    print(tally)  # noqa: T201 - the result
    raise SystemExit(status)
