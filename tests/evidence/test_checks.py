import io
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.evidence.checks import inventory
from coldforge.image.oci.layout import LAYER, Layout
from tests.evidence.packages import tar

OLD = b"Package: old\nStatus: install ok installed\nVersion: 1\n"
NEW = b"Package: new\nStatus: install ok installed\nVersion: 2\nDescription: x\n Version: 9\n"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "oci")


def layer(layout: Layout, files: dict[str, bytes]) -> str:
    return layout.put_bytes(tar(files), LAYER).digest


def test_the_uppermost_list_of_dpkg_counts(layout: Layout) -> None:
    layers = [layer(layout, {"var/lib/dpkg/status": text}) for text in (OLD, NEW)]
    assert inventory(layout, layers).debs == {("new", "2")}


def test_python_s_packages_of_all_layers_count(layout: Layout) -> None:
    folder = "usr/local/lib/python3.11/dist-packages"
    files = {
        f"{folder}/A_b-1.dist-info/METADATA": b"Name: A_b\nVersion: 1\n\nName: c\n",
        f"{folder}/A_b-1.dist-info/RECORD": b"",
        f"{folder}/vendored/x-1.dist-info/METADATA": b"Name: x\nVersion: 1\n",
    }
    assert inventory(layout, [layer(layout, files), layer(layout, {})]).wheels == {("a-b", "1")}


def test_a_layer_that_is_no_tar_is_named(layout: Layout) -> None:
    digest = layout.put_bytes(io.BytesIO(b"no tar" * 200).read(), LAYER).digest
    with pytest.raises(ColdforgeError, match=digest):
        inventory(layout, [digest])
