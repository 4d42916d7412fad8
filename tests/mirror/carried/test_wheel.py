import zipfile
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.mirror.carried.kind import Recognised, WantedFile, examine
from coldforge.mirror.carried.reading import ReadLimits
from coldforge.mirror.carried.wheel import KIND
from coldforge.stack.profile import Carried
from coldforge.stack.stack import Python
from tests.mirror.handmade import wheel

NAME = "polygraphy-0.48.1-py2.py3-none-any.whl"
ABOUT = Carried(
    "wheel", "polygraphy-{version}-py2.py3-none-any.whl", ["0.48.1"], "looks", "publisher"
)
WANT = WantedFile("small", "polygraphy", ABOUT, python=Python("3.11", "x86_64-manylinux_2_36"))


def judged(path: Path, want: WantedFile = WANT) -> Recognised:
    return KIND.identify(examine(path), want)


def refused(path: Path, want: WantedFile = WANT) -> ColdforgeError:
    with pytest.raises(ColdforgeError) as caught:
        judged(path, want)
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value


def test_the_right_wheel_is_found(tmp_path: Path) -> None:
    assert judged(wheel(tmp_path)) == Recognised("polygraphy", "0.48.1", NAME)


def test_a_foreign_name_is_accepted_and_said(tmp_path: Path) -> None:
    found = judged(wheel(tmp_path, name="download.zip"))
    assert (found.file, found.notes) == (NAME, (f"came as download.zip, kept as {NAME}",))


def test_another_version_is_refused(tmp_path: Path) -> None:
    assert (
        "is polygraphy 0.49.0; stack small takes 0.48.1"
        in refused(wheel(tmp_path, "0.49.0")).message
    )


def test_a_name_of_another_version_or_package_than_inside_is_refused(tmp_path: Path) -> None:
    assert (
        "was renamed: inside is version 0.49.0" in refused(wheel(tmp_path, "0.49.0", NAME)).message
    )
    other = wheel(tmp_path, "0.48.1", NAME, package="onnx")
    assert "was renamed: inside is onnx 0.48.1" in refused(other).message


def test_a_wheel_for_another_interpreter_is_refused(tmp_path: Path) -> None:
    message = refused(wheel(tmp_path, tags=["cp38-cp38-linux_x86_64"])).message
    assert "is for cp38-cp38-linux_x86_64; stack small has Python 3.11" in message


def test_a_stack_without_python_says_what_to_add(tmp_path: Path) -> None:
    error = refused(wheel(tmp_path), WANT._replace(python=None))
    assert error.hint == "add [python] to docker/stacks/small.toml"


def test_a_wheel_cut_off_or_damaged_is_refused(tmp_path: Path) -> None:
    path = wheel(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    assert f"{NAME} is damaged" in refused(path).message
    path.write_bytes(whole.replace(b"x = 1", b"x = 2", 1))
    assert f"{NAME} is damaged" in refused(path).message


def test_a_zip_that_is_no_wheel_is_refused(tmp_path: Path) -> None:
    path = tmp_path / NAME
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme", "words")
    assert refused(path).message == f"{NAME} is not a wheel"
    assert not KIND.claims(examine(path.rename(tmp_path / "other.zip")), WANT)


def test_a_path_that_leads_out_is_refused(tmp_path: Path) -> None:
    path = tmp_path / NAME
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../etc/passwd", "words")
    assert "leads out of its folder" in refused(path).message


def test_a_zip_bomb_is_refused_by_what_it_declares(tmp_path: Path) -> None:
    path = tmp_path / NAME
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(4_000_000))
    with pytest.raises(ColdforgeError, match="a bomb"):
        examine(path, None, ReadLimits(free=1_000_000))
