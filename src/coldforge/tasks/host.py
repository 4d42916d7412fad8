"""doctor, test: check this machine, and this checkout."""

from dataclasses import asdict
from functools import partial

from invoke.context import Context

from coldforge.tasks._command import YES, emit, on_host, task


@partial(
    task,
    help={
        "stack": "Stack that the host is checked for: name of docker/stacks/NAME.toml.",
        "online": "Check that pip's index answers, too.",
        "json": "Print the result for programs.",
    },
)
def doctor(context: Context, stack: str = "cpu", online: bool = False, json: bool = False) -> None:
    """Check this host; say what to do about each thing that is missing.

    Example: invoke doctor --stack cpu --online
    """
    from coldforge.host.doctor import examine, healthy, table
    from coldforge.paths import Workspace

    checks = examine(Workspace.find(), stack, online)
    emit([asdict(check) for check in checks], json, table(checks))
    if not healthy(checks):
        raise SystemExit(1)


@partial(
    task,
    help={
        "only": "Run only the tests whose names match, as pytest -k does.",
        "quick": "Skip tests that need a Docker Engine, a network or torch.",
        "yes": YES,
    },
)
def test(context: Context, only: str = "", quick: bool = False, yes: bool = False) -> None:
    """Run the test suite, linters included.

    Example: invoke test --quick --only mirror
    """
    from coldforge.host.docker_client import ensure_docker
    from coldforge.host.suite import run_suite
    from coldforge.paths import Workspace

    if not quick:
        ensure_docker(yes).close()
    status, tally = run_suite(Workspace.find().root, only, quick)
    print(tally)  # noqa: T201 - the result
    raise SystemExit(status)


TASKS = on_host(doctor, test)
