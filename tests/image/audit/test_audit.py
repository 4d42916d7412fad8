import pytest

from coldforge.image.audit.audit import (
    AuditedLibrary,
    DeviceCode,
    WheelLibraries,
    audit_binaries,
    device_code_faults,
    expected,
    highest,
)
from coldforge.image.audit.elf import Elf

ROOT = "usr/local/lib/python3.11/dist-packages"
LIBRARY = "demo/libs/libdemo.so"
THREE = ["80-real", "86-real", "89-real"]


class Image:
    """An image of three libraries, one of them a package's own."""

    def find(self, name: str, search: list[str]) -> str:
        places = {"libc.so.6": "lib/libc.so.6", "libnvinfer.so.9": "trt/libnvinfer.so.9"}
        return places.get(name, "")

    def packaged(self, name: str) -> str:
        return f"{ROOT}/torch/lib/{name}" if name == "libtorch.so" else ""

    def has(self, folder: str) -> bool:
        return folder == "/opt"

    def elf(self, place: str) -> Elf:
        return Elf(defines=["GLIBC_2.2.5", "GLIBC_2.34"] if "libc" in place else [])


def judged(elf: Elf, device: DeviceCode | None = None) -> AuditedLibrary:
    (binary,) = audit_binaries(
        WheelLibraries(ROOT, {LIBRARY: elf}, {LIBRARY: device} if device else {}), THREE, Image()
    )
    return binary


@pytest.mark.parametrize(
    ("asked", "elf", "ptx"),
    [
        (["80-real", "89-real"], ["sm_80", "sm_89"], []),
        (["90-virtual"], [], ["sm_90"]),
        (["80-real", "90"], ["sm_80", "sm_90"], ["sm_90"]),
        (["90a-real"], ["sm_90a"], []),
    ],
)
def test_real_is_machine_code_virtual_is_ptx_and_a_number_both(
    asked: list[str], elf: list[str], ptx: list[str]
) -> None:
    assert expected(asked) == DeviceCode(elf, ptx)


def test_exactly_what_was_asked_for_is_no_fault() -> None:
    assert device_code_faults(DeviceCode(["sm_80", "sm_86", "sm_89"]), THREE) == []
    assert device_code_faults(DeviceCode(), THREE) == []


@pytest.mark.parametrize(
    ("held", "fault"),
    [
        (
            DeviceCode(["sm_80", "sm_86"]),
            "holds machine code for sm_80, sm_86, not for sm_80, sm_86, sm_89",
        ),
        (
            DeviceCode(["sm_75", "sm_80", "sm_86", "sm_89"]),
            "holds machine code for sm_75, sm_80, sm_86, sm_89, not for sm_80, sm_86, sm_89",
        ),
        (
            DeviceCode(["sm_80", "sm_86", "sm_89"], ["sm_89"]),
            "holds PTX for sm_89, none was requested",
        ),
    ],
)
def test_less_more_and_ptx_are_faults(held: DeviceCode, fault: str) -> None:
    assert device_code_faults(held, THREE) == [fault]


def test_each_library_needed_is_found_where_the_image_has_it() -> None:
    binary = judged(Elf(needed=["libnvinfer.so.9", "libcuda.so.1", "libtorch.so"]))
    assert binary.faults == []
    assert binary.libraries == {
        "libnvinfer.so.9": "/trt/libnvinfer.so.9",
        "libcuda.so.1": "the host's driver",
        "libtorch.so": f"/{ROOT}/torch/lib/libtorch.so",
    }


def test_a_library_that_is_nowhere_is_named() -> None:
    assert judged(Elf(needed=["libnccl.so.2"])).faults == [
        "needs libnccl.so.2, which the image does not contain"
    ]


def test_a_library_of_the_wheel_itself_is_found_beside_it() -> None:
    wheel = WheelLibraries(
        ROOT,
        {"demo/ext.so": Elf(needed=["libdemo.so"], search=["$ORIGIN/libs"]), LIBRARY: Elf()},
        {},
    )
    first, _ = audit_binaries(wheel, THREE, Image())
    assert first.libraries == {"libdemo.so": f"/{ROOT}/{LIBRARY}"}
    assert not first.faults


def test_a_symbol_version_the_image_lacks_is_named() -> None:
    needs = {"libc.so.6": ["GLIBC_2.34", "GLIBC_2.38"]}
    binary = judged(Elf(needed=["libc.so.6"], needs=needs))
    assert binary.symbols == {"GLIBC": "2.38"}
    where = "the image's /lib/libc.so.6 does not define it"
    assert binary.faults == [f"needs GLIBC_2.38 of libc.so.6; {where}"]


def test_versions_are_compared_by_number() -> None:
    needs = {"a": ["GLIBC_2.9", "GLIBC_2.34", "CXXABI_1.3.13"], "b": ["CXXABI_1.3", "Base"]}
    assert highest(needs) == {"CXXABI": "1.3.13", "GLIBC": "2.34"}


def test_a_search_path_that_is_not_there_is_noted_and_no_fault() -> None:
    binary = judged(Elf(search=["/opt", "/build/lib", "$ORIGIN"]))
    assert binary.notes == ["searches /build/lib, which the image does not have"]
    assert binary.faults == []
