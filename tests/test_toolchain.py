import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Tell = Callable[..., subprocess.CompletedProcess[str]]
ELF = """\
ELF file    1: probe.1.sm_80.cubin
ELF file    2: probe.2.sm_86.cubin
ELF file    3: probe.3.sm_89.cubin
ELF file    4: probe.4.sm_80.cubin
"""
PTX = "PTX file    1: probe.1.sm_90.ptx\n"


@pytest.fixture
def tell(checkout: Path, tmp_path: Path) -> Tell:
    """Run toolchain/cuda/architectures on a file in which cuobjdump finds `elf` and `ptx`."""

    def run(*wanted: str, elf: str = ELF, ptx: str = "") -> subprocess.CompletedProcess[str]:
        (tmp_path / "--list-elf").write_text(elf)
        (tmp_path / "--list-ptx").write_text(ptx)
        fake = tmp_path / "cuobjdump"
        fake.write_text(f'#!/bin/sh\ntest -s "{tmp_path}/$2" && cat "{tmp_path}/$2"\n')
        fake.chmod(0o755)
        script = checkout / "toolchain" / "cuda" / "architectures"
        command = ["sh", str(script), str(fake), *wanted]
        env = {"CUOBJDUMP": str(fake), "PATH": "/usr/bin:/bin"}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=env)

    return run


def test_the_architectures_in_a_file_are_named_once(tell: Tell) -> None:
    assert tell().stdout == "sm_80 sm_86 sm_89\n"
    assert tell(ptx=PTX).stdout == "ptx_90 sm_80 sm_86 sm_89\n"
    assert tell(elf="ELF file    1: a.1.sm_90a.cubin\n").stdout == "sm_90a\n"


def test_a_file_without_gpu_code_holds_none(tell: Tell) -> None:
    assert tell(elf="").stdout == "none\n"
    assert tell("80-real", elf="").returncode == 1


@pytest.mark.parametrize("wanted", ["80-real;86-real;89-real", "89-real;80-real;86-real"])
def test_the_list_asked_for_passes_in_any_order(tell: Tell, wanted: str) -> None:
    assert tell(wanted).returncode == 0


@pytest.mark.parametrize(
    "wanted",
    [
        "80-real;86-real",
        "80-real;86-real;89-real;90-real",
        "80-real;86-real;89",
        "80-real;86-real;89-virtual",
        "80;86;89",
        "8-real",
        "",
    ],
)
def test_any_other_list_is_refused(tell: Tell, wanted: str) -> None:
    done = tell(wanted)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, f"wanted: {wanted}")


def test_ptx_beside_the_machine_code_is_refused(tell: Tell) -> None:
    wanted = "80-real;86-real;89-real"
    assert tell(wanted, ptx=PTX).returncode == 1
    assert tell(f"{wanted};90-virtual", ptx=PTX).returncode == 0
    assert tell("90", elf="ELF file    1: a.sm_90.cubin\n", ptx=PTX).returncode == 0


def test_a_file_that_is_not_there_is_no_file_without_gpu_code(checkout: Path) -> None:
    script = checkout / "toolchain" / "cuda" / "architectures"
    done = subprocess.run(["sh", str(script), "/nowhere"], capture_output=True, check=False)
    assert done.returncode == 2
