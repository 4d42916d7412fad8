import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.errors import ColdforgeError
from coldforge.mirror.carried.kind import Recognised, WantedFile, examine
from coldforge.mirror.carried.tensorrt import KIND, Name, parse_header, parse_name
from coldforge.stack.profile import Carried
from tests.mirror.handmade import ARM, NAME, VERSION, header, packed, tensorrt, tree

ABOUT = Carried("tensorrt", NAME, ["9.0.1.4", "9.1.0.4"], "to compile against", "its publisher")
WANT = WantedFile("small", "tensorrt", ABOUT)
versions = st.tuples(*[st.integers(0, 999)] * 4).map(lambda parts: ".".join(map(str, parts)))


def judged(path: Path, want: WantedFile = WANT) -> Recognised:
    return KIND.identify(examine(path), want)


def refused(path: Path, want: WantedFile = WANT) -> ColdforgeError:
    with pytest.raises(ColdforgeError) as caught:
        judged(path, want)
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value


@given(versions, st.integers(1, 99), st.integers(0, 99), st.sampled_from(["x86_64", "aarch64"]))
def test_a_name_gives_back_what_it_was_made_of(
    version: str, major: int, minor: int, machine: str
) -> None:
    name = f"TensorRT-{version}.Linux.{machine}-gnu.cuda-{major}.{minor}.tar.gz"
    assert parse_name(name) == Name(version, "linux", machine, f"{major}.{minor}")
    assert parse_name(name.lower()) == parse_name(name)


@given(st.text())
def test_any_other_name_is_none(name: str) -> None:
    assert parse_name(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "TensorRT-8.6.1.6.Ubuntu-20.04.aarch64-gnu.cuda-12.0.tar.gz",
        "tensorrt-9.1.0.4.windows10.x86_64.cuda-12.2.llm.beta.zip",
        "TensorRT-8.2.5.1.Linux.x86_64-gnu.cuda-11.4.cudnn8.2.tar.gz",
    ],
)
def test_names_of_other_platforms_are_read(name: str) -> None:
    assert parse_name(name) is not None


@given(versions)
def test_a_header_gives_the_version_it_defines(version: str) -> None:
    assert parse_header(header(version).decode()) == version


@given(versions, st.permutations(range(8)))
def test_a_header_s_macros_may_be_defined_by_others_in_any_order(
    version: str, order: list[int]
) -> None:
    names = ("MAJOR", "MINOR", "PATCH", "BUILD")
    lines = [
        f"#define TRT_{n}_ENTERPRISE {v}" for n, v in zip(names, version.split("."), strict=True)
    ]
    lines += [f"# define NV_TENSORRT_{n} /* of all */ TRT_{n}_ENTERPRISE //!< {n}" for n in names]
    assert parse_header("\n".join(lines[at] for at in order)) == version


@given(st.text())
def test_any_other_text_defines_no_version(text: str) -> None:
    assert re.fullmatch(r"(\d+(\.\d+){3})?", parse_header(text))


def test_macros_that_define_each_other_define_nothing() -> None:
    names = ("MAJOR", "MINOR", "PATCH", "BUILD")
    lines = [f"#define NV_TENSORRT_{n} A\n#define A NV_TENSORRT_{n}" for n in names]
    assert parse_header("\n".join(lines)) == ""
    assert parse_header("/* #define NV_TENSORRT_MAJOR 9 */") == ""


def test_the_right_file_is_found(tmp_path: Path) -> None:
    assert judged(tensorrt(tmp_path)) == Recognised(
        "tensorrt", VERSION, NAME.format(version=VERSION)
    )
    assert judged(tensorrt(tmp_path, "9.1.0.4")).version == "9.1.0.4"


def test_a_foreign_name_is_accepted_and_the_publisher_s_name_is_said(tmp_path: Path) -> None:
    found = judged(tensorrt(tmp_path, name="trt (1).tgz"))
    assert found.file == NAME.format(version=VERSION)
    assert found.notes == (f"came as trt (1).tgz, kept as {found.file}",)


def test_a_name_in_small_letters_is_no_foreign_name(tmp_path: Path) -> None:
    assert judged(tensorrt(tmp_path, name=NAME.format(version=VERSION).lower())).notes == ()


def test_a_cuda_that_nothing_inside_says_is_noted(tmp_path: Path) -> None:
    files = {name: data for name, data in tree().items() if not name.endswith(".whl")}
    path = packed(tmp_path / "trt.tgz", files)
    assert "nothing inside says which" in judged(path).notes[-1]


def test_another_version_is_refused(tmp_path: Path) -> None:
    error = refused(tensorrt(tmp_path, "8.6.1.6"))
    assert "is TensorRT 8.6.1.6; stack small takes 9.0.1.4 or 9.1.0.4" in error.message
    assert NAME.format(version=VERSION) in error.hint
    assert "its publisher" in error.hint


def test_another_cuda_is_refused_by_the_name(tmp_path: Path) -> None:
    name = NAME.format(version=VERSION).replace("12.2", "11.8")
    assert (
        "is for CUDA 11.8; stack small takes 12.2" in refused(tensorrt(tmp_path, name=name)).message
    )


def test_another_cuda_is_refused_by_the_python_packages_inside(tmp_path: Path) -> None:
    files = {name.replace("post12", "post11"): data for name, data in tree().items()}
    error = refused(packed(tmp_path / NAME.format(version=VERSION), files))
    assert "holds Python packages for CUDA 11" in error.message


def test_another_processor_is_refused(tmp_path: Path) -> None:
    name = NAME.format(version=VERSION).replace("x86_64", "aarch64")
    error = refused(tensorrt(tmp_path, name=name, machine=ARM))
    assert "is for aarch64; stack small is x86_64" in error.message
    arm = WANT._replace(platform="linux/arm64")
    assert "is for x86_64; stack small is aarch64" in refused(tensorrt(tmp_path), arm).message


def test_a_name_of_another_processor_than_inside_is_refused(tmp_path: Path) -> None:
    name = NAME.format(version=VERSION).replace("x86_64", "aarch64")
    assert "was renamed" in refused(tensorrt(tmp_path, name=name)).message


def test_a_name_of_another_version_than_inside_is_refused(tmp_path: Path) -> None:
    error = refused(tensorrt(tmp_path, "9.1.0.4", name=NAME.format(version=VERSION)))
    assert error.message.endswith("was renamed: inside is TensorRT 9.1.0.4")


def test_a_header_of_another_version_than_its_folder_is_refused(tmp_path: Path) -> None:
    error = refused(tensorrt(tmp_path, says="9.1.0.4"))
    assert "its folder says 9.0.1.4, include/NvInferVersion.h says 9.1.0.4" in error.message


@pytest.mark.parametrize(
    ("without", "said"),
    [
        ("NvInferVersion.h", "it has no include/NvInferVersion.h"),
        ("libnvinfer", "holds no libnvinfer"),
    ],
)
def test_a_tarball_without_its_parts_is_refused(tmp_path: Path, without: str, said: str) -> None:
    files = {name: data for name, data in tree().items() if without not in name}
    assert said in refused(packed(tmp_path / "trt.tgz", files)).message


def test_two_folders_at_the_top_are_refused(tmp_path: Path) -> None:
    files = {**tree(), "other/file": b""}
    message = refused(packed(tmp_path / "trt.tgz", files)).message
    assert "at its top is TensorRT-9.0.1.4, other" in message
