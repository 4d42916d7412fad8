from dataclasses import replace

import pytest

from coldforge.host.docker_client import DockerFacts
from coldforge.host.doctor import Check, diagnose, examine, healthy
from coldforge.host.facts import Facts, Nvidia
from coldforge.paths import Workspace

GB = 1_000_000_000
ENGINE = DockerFacts("28.5.2", "1.51", "overlayfs", True, "/var/lib/docker", "linux/x86_64")
GOOD = Facts(
    system="Debian GNU/Linux 12",
    family="debian",
    machine="Linux x86_64",
    cores=8,
    memory=16 * GB,
    disks={"checkout": 90 * GB},
    python=(3, 11, 2),
    pip="25.0",
    carried=False,
    index="ok",
    docker=ENGINE,
    docker_error=("", ""),
    docker_installable=False,
    archives=1,
    gpgv="/usr/bin/gpgv",
    keyring=True,
    forge=False,
    git="",
    mirrored=False,
    now=1_800_000_000.0,
    newest=1_750_000_000.0,
    nvidia=None,
)


def found(name: str, **changes: object) -> Check:
    checks = {check.name: check for check in diagnose(replace(GOOD, **changes))}  # type: ignore[arg-type]
    return checks[name]


def test_a_good_host_is_healthy_and_needs_no_remedy() -> None:
    checks = diagnose(GOOD)
    assert healthy(checks)
    assert [check.remedy for check in checks if check.remedy] == []


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("system", {"machine": "Linux aarch64"}),
        ("memory", {"memory": 2 * GB}),
        ("disk (engine)", {"disks": {"checkout": 90 * GB, "engine": 4 * GB}}),
        ("python", {"python": (3, 10, 9)}),
        ("python", {"pip": ""}),
        ("git", {"forge": True}),
        ("python index", {"index": "no answer within 60 s"}),
        ("docker engine", {"docker": None, "docker_error": ("it is absent", "start it")}),
        ("docker engine", {"docker": replace(ENGINE, platform="linux/aarch64")}),
        ("debian archive", {"archives": 0}),
        ("gpgv", {"gpgv": ""}),
        ("debian keyring", {"keyring": False}),
        ("clock", {"now": 1_700_000_000.0}),
    ],
)
def test_what_is_needed_and_missing_is_a_miss_with_a_remedy(
    name: str, changes: dict[str, object]
) -> None:
    check = found(name, **changes)
    assert check.status == "miss"
    assert check.remedy


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("system", {"family": "fedora"}),
        ("processor", {"cores": 1}),
        ("memory", {"memory": 5 * GB}),
        ("disk (checkout)", {"disks": {"checkout": 10 * GB}}),
        ("docker engine", {"docker": None, "docker_installable": True}),
    ],
)
def test_what_only_hampers_is_a_warning(name: str, changes: dict[str, object]) -> None:
    assert found(name, **changes).status == "warn"


def test_an_ubuntu_counts_as_debian_like() -> None:
    assert found("system", family="ubuntu debian").status == "ok"


@pytest.mark.parametrize("name", ["debian archive", "python index"])
def test_a_complete_mirror_needs_no_origin(name: str) -> None:
    check = found(name, mirrored=True, archives=0, index="unreachable")
    assert (check.status, check.found) == ("ok", "not needed: the mirror is complete")


def test_a_python_that_a_bundle_carried_needs_no_pip() -> None:
    assert found("python", pip="", carried=True).status == "ok"


def test_the_index_is_not_asked_unless_wanted() -> None:
    assert found("python index", index="").status == "skipped"


@pytest.mark.parametrize("name", ["nvidia driver", "cuda toolkit", "cudnn"])
def test_a_stack_without_gpu_skips_what_is_nvidias_and_says_why(name: str) -> None:
    check = found(name, nvidia=None)
    assert (check.status, check.found) == ("skipped", "this stack needs no GPU")


@pytest.mark.parametrize("name", ["nvidia driver", "cuda toolkit", "cudnn"])
def test_a_stack_with_gpu_names_each_lack_of_the_host(name: str) -> None:
    assert found(name, nvidia=Nvidia("", "", "")).status == "warn"
    assert found(name, nvidia=Nvidia("", "", "")).remedy
    there = found(name, nvidia=Nvidia("555.1", "12.2", "/lib/libcudnn.so.9"))
    assert there.status == "ok"


def test_this_host_can_be_examined(workspace: Workspace) -> None:
    names = [check.name for check in examine(workspace, "tiny")]
    assert {"system", "docker engine", "clock", "cudnn"} <= set(names)


def test_git_is_asked_for_only_where_sources_come_through_it() -> None:
    assert "git" not in {check.name for check in diagnose(GOOD)}
    with_git = replace(GOOD, forge=True, git="/usr/bin/git")
    assert "git" in {check.name for check in diagnose(with_git) if check.status == "ok"}
