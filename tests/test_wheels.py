"""The programs of wheels/ that run in the image."""

import importlib.util
import io
import subprocess
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

WHEELS = Path(__file__).resolve().parents[1] / "wheels"
LISTED = """\
ELF file    1: libth_common.1.sm_80.cubin
ELF file    2: libth_common.2.sm_90a.cubin
ELF file    3: libth_common.3.sm_80.cubin
"""


def program(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"wheels_{name}", WHEELS / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """wheels/release.py with a tree, a large file and a build requirement to lay out."""
    module = program("release")
    for name, folder in {"INPUTS": "in", "ENVIRONMENT": "env", "SOURCE": "src", "OUT": "o"}.items():
        (tmp_path / folder).mkdir()
        monkeypatch.setattr(module, name, tmp_path / folder)
    for folder in ("source", "wheels", "large/cpp"):
        (tmp_path / "in" / folder).mkdir(parents=True)
    with tarfile.open(tmp_path / "in" / "source" / "source.tar", "w") as archive:
        info = tarfile.TarInfo("cpp/lib.a")
        info.size = 7
        archive.addfile(info, io.BytesIO(b"pointer"))
    (tmp_path / "in" / "large" / "cpp" / "lib.a").write_bytes(b"the library")
    with zipfile.ZipFile(tmp_path / "in" / "wheels" / "tool-1-py3-none-any.whl", "w") as archive:
        archive.writestr("tool.py", "")
    return module


def test_a_large_file_takes_its_pointer_s_place(release: ModuleType, tmp_path: Path) -> None:
    release.lay_out()
    assert (tmp_path / "src" / "cpp" / "lib.a").read_bytes() == b"the library"
    assert (tmp_path / "env" / "tool.py").exists()


def test_pip_is_told_to_stay_here(release: ModuleType, tmp_path: Path) -> None:
    env = release.environment()
    assert env["PIP_NO_INDEX"] == "1"
    assert env["PIP_FIND_LINKS"] == str(tmp_path / "in" / "wheels")


def listed(monkeypatch: pytest.MonkeyPatch, **answer: object) -> list[str]:
    audit = program("audit")
    done = SimpleNamespace(**{"returncode": 0, "stdout": "", "stderr": "", **answer})
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    found: list[str] = audit.listed("-lelf", Path("libth_common.so"))
    return found


def test_each_architecture_is_listed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert listed(monkeypatch, stdout=LISTED) == ["sm_80", "sm_90a"]


def test_a_binary_without_device_code_holds_none(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "cuobjdump info    : File 'x.so' does not contain device code\n"
    assert listed(monkeypatch, returncode=255, stderr=said) == []


def test_what_cuobjdump_cannot_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match=r"-lelf libth_common\.so: broken"):
        listed(monkeypatch, returncode=1, stderr="broken\n")
