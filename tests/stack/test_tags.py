import pytest

from coldforge.errors import ColdforgeError
from coldforge.stack.stack import Python
from coldforge.stack.tags import best_wheel, markers, supported

IMAGE = Python("3.11", "x86_64-manylinux_2_36")


@pytest.mark.parametrize(
    ("best", "other"),
    [
        ("cp311-cp311-manylinux_2_28_x86_64", "py3-none-any"),
        ("cp311-cp311-manylinux2014_x86_64", "cp38-abi3-manylinux_2_28_x86_64"),
        ("cp311-cp311-manylinux_2_34_x86_64", "cp311-cp311-manylinux_2_17_x86_64"),
        ("2-py3-none-any", "1-py3-none-any"),
        ("py2.py3-none-any", "py2-none-any"),
        ("cp311-cp311-linux_x86_64", "cp311-none-any"),
        ("py311-none-any", "py310-none-any"),
    ],
)
def test_the_nearest_wheel_is_chosen(best: str, other: str) -> None:
    names, tags = [f"demo-1-{best}.whl", f"demo-1-{other}.whl"], supported(IMAGE)
    assert best_wheel(names, tags) == best_wheel(names[::-1], tags) == names[0]


@pytest.mark.parametrize(
    "name",
    [
        "d-1-cp311-cp311-manylinux_2_37_x86_64.whl",
        "d-1-cp311-cp311-manylinux_2_28_aarch64.whl",
        "d-1-cp311-cp311-musllinux_1_2_x86_64.whl",
        "d-1-cp312-cp312-manylinux_2_28_x86_64.whl",
        "d-1-cp311-cp311d-manylinux_2_28_x86_64.whl",
        "d-1-py2-none-any.whl",
        "d-1-cp311-cp311-win_amd64.whl",
        "d-1.tar.gz",
        "nonsense.whl",
    ],
)
def test_a_wheel_the_image_cannot_use_is_refused(name: str) -> None:
    assert best_wheel([name], supported(IMAGE)) is None


def test_old_manylinux_names_begin_where_the_architecture_does() -> None:
    tags = {str(tag) for tag in supported(Python("3.12", "aarch64-manylinux_2_28"))}
    assert "cp312-cp312-manylinux2014_aarch64" in tags
    assert "cp312-cp312-manylinux2010_aarch64" not in tags


def test_markers_describe_the_image_and_not_the_host() -> None:
    described = markers(Python("3.12", "aarch64-manylinux_2_28"))
    assert described["python_version"] == "3.12"
    assert described["python_full_version"] == "3.12.0"
    assert described["platform_machine"] == "aarch64"
    assert markers(Python("3.11.2", IMAGE.platform))["python_full_version"] == "3.11.2"


@pytest.mark.parametrize(
    "python", [Python("3.11", "windows"), Python("2.7", IMAGE.platform), Python("3.x", "linux")]
)
def test_an_unknown_platform_or_version_is_one_error(python: Python) -> None:
    with pytest.raises(ColdforgeError, match="unknown Python") as caught:
        supported(python)
    assert caught.value.hint
