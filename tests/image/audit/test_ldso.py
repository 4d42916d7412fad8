import struct
from pathlib import Path

import pytest

from coldforge.image.audit.ldso import DynamicLinker, follow, libraries
from coldforge.image.filesystem.member import Member
from tests.image.conftest import TarOf
from tests.image.elves import elf_of


def file(path: str, data: bytes) -> tuple[Member, bytes]:
    return Member(path, "file", 0o644, size=len(data)), data


def link(path: str, target: str) -> tuple[Member, bytes]:
    return Member(path, "symlink", 0o777, link=target), b""


def cache_of(entries: dict[str, str]) -> bytes:
    """Write a loader's cache: header, entries, strings."""
    strings, rows, start = b"", b"", 48 + 24 * len(entries)
    for name, path in entries.items():
        at = start + len(strings)
        strings += name.encode() + b"\0" + path.encode() + b"\0"
        rows += struct.pack("<iIIIQ", 0x0303, at, at + len(name) + 1, 0, 0)
    head = b"glibc-ld.so.cache1.1" + struct.pack("<II", len(entries), len(strings))
    return head.ljust(48, b"\0") + rows + strings


@pytest.fixture
def layers(tar_of: TarOf) -> list[Path]:
    cache = cache_of({"libnccl.so.2": "/usr/local/lib/libnccl.so.2"})
    below = [
        file("usr/lib/x86_64-linux-gnu/libc.so.6", elf_of("libc.so.6", defines=["GLIBC_2.36"])),
        link("lib", "usr/lib"),
        file("etc/ld.so.cache", b"an older one"),
        file("usr/local/lib/libgone.so", elf_of()),
    ]
    above = [
        file("usr/local/lib/libnccl.so.2.27", elf_of("libnccl.so.2")),
        link("usr/local/lib/libnccl.so.2", "libnccl.so.2.27"),
        file("etc/ld.so.cache", cache),
        file("usr/local/lib/.wh.libgone.so", b""),
        file("usr/local/lib/python3.11/dist-packages/torch/lib/libtorch.so", elf_of("libtorch.so")),
        file("opt/own/libnccl.so.2", elf_of("own")),
    ]
    return [tar_of(below), tar_of(above)]


def test_a_library_is_found_through_the_cache_and_its_links(layers: list[Path]) -> None:
    loader = DynamicLinker(layers)
    assert loader.find("libnccl.so.2", []) == "usr/local/lib/libnccl.so.2.27"
    assert loader.elf("usr/local/lib/libnccl.so.2.27").soname == "libnccl.so.2"


def test_a_default_folder_may_be_a_link(layers: list[Path]) -> None:
    place = DynamicLinker(layers).find("libc.so.6", [])
    assert place == "usr/lib/x86_64-linux-gnu/libc.so.6"
    assert DynamicLinker(layers).elf(place).defines == ["GLIBC_2.36"]


def test_search_paths_come_first(layers: list[Path]) -> None:
    assert DynamicLinker(layers).find("libnccl.so.2", ["/opt/../opt/own"]) == "opt/own/libnccl.so.2"
    assert DynamicLinker(layers, "/opt/own").find("libnccl.so.2", []) == "opt/own/libnccl.so.2"


def test_what_a_layer_removed_is_not_found(layers: list[Path]) -> None:
    assert DynamicLinker(layers[:1]).find("libgone.so", ["/usr/local/lib"])
    assert not DynamicLinker(layers).find("libgone.so", ["/usr/local/lib"])


def test_a_package_s_own_library_is_told_from_the_loader_s(layers: list[Path]) -> None:
    loader = DynamicLinker(layers)
    assert not loader.find("libtorch.so", [])
    assert loader.packaged("libtorch.so").endswith("torch/lib/libtorch.so")
    assert not loader.packaged("libnccl.so.2")


def test_links_in_a_circle_lead_nowhere(tar_of: TarOf) -> None:
    tree = DynamicLinker([tar_of([link("a", "b"), link("b", "a")])]).tree
    assert follow(tree, "a") == ""


def test_a_folder_is_no_library(layers: list[Path]) -> None:
    loader = DynamicLinker(layers)
    assert loader.has("/lib") is loader.has("/usr/lib")
    assert not loader.has("/nowhere")


def test_a_cache_of_another_format_is_none() -> None:
    assert libraries(b"ld.so-1.7.0") == {}


def test_the_first_of_a_name_is_taken() -> None:
    once, twice = cache_of({"liba.so": "/one/liba.so"}), cache_of({"liba.so": "/two/liba.so"})
    assert libraries(once) == {"liba.so": "/one/liba.so"}
    assert libraries(twice) == {"liba.so": "/two/liba.so"}
