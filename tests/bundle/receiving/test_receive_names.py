import json
from pathlib import Path
from typing import Any

import pytest

from coldforge.bundle.ledger import ledger_path
from coldforge.bundle.packing.items import BundleItem
from coldforge.bundle.receiving.receive import ReceiveOptions, receive
from coldforge.errors import MissingInputError
from coldforge.image.oci.layout import CONFIG, LAYER, Layout
from coldforge.image.oci.referrers import MANIFEST
from coldforge.paths import Workspace
from tests.bundle.bundles import (
    SERIAL,
    bundle,
    make_item,
    random_bytes,
)


def image(folder: Path, lack: bool = False) -> tuple[list[BundleItem], dict[str, Any]]:
    """An image of one layer with evidence, as items and a tag."""
    layer, config = random_bytes("layer", 70_000), b'{"architecture":"amd64"}'
    parts = [
        make_item(folder, name, data, store="layout")
        for name, data in (("layer", layer), ("config", config), ("empty", b"{}"), ("sbom", b"[]"))
    ]
    said = [{"digest": f"sha256:{one.sha256}", "size": one.size} for one in parts]
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, **said[1]},
        "layers": [{"mediaType": LAYER, **said[0]}],
    }
    main = make_item(folder, "manifest", json.dumps(manifest).encode(), store="layout")
    tag = {"mediaType": MANIFEST, "digest": f"sha256:{main.sha256}", "size": main.size}
    evidence = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": "application/sbom",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", **said[2]},
        "layers": [{"mediaType": "application/sbom", **said[3]}],
        "subject": tag,
    }
    refers = make_item(folder, "evidence", json.dumps(evidence).encode(), store="layout")
    return [*parts[lack:], main, refers], tag


def test_an_image_gets_its_name_and_its_evidence(
    tmp_path: Path, out: Path, space: Workspace
) -> None:
    items, tag = image(tmp_path / "in")
    bundle(out, items, kind="install", tags={"demo": tag}, image=tag["digest"])
    assert receive(space, out).images == ["demo"]
    layout = Layout(space.build / "oci")
    assert layout.tags()["demo"]["digest"] == tag["digest"]
    (referrer,) = layout.referrers(tag["digest"])
    assert referrer["artifactType"] == "application/sbom"
    ledger_path(space).unlink()
    receive(space, out)
    assert len(layout.referrers(tag["digest"])) == 1


def test_an_image_of_which_a_part_is_nowhere_gets_no_name(
    tmp_path: Path, out: Path, space: Workspace
) -> None:
    items, tag = image(tmp_path / "in", lack=True)
    bundle(out, items, kind="install", tags={"demo": tag}, image=tag["digest"])
    with pytest.raises(MissingInputError, match="image demo lacks 1 parts"):
        receive(space, out)
    assert Layout(space.build / "oci").tags() == {}
    assert not ledger_path(space).exists()


def test_an_older_bundle_names_no_image(tmp_path: Path, out: Path, space: Workspace) -> None:
    items, tag = image(tmp_path / "in")
    bundle(tmp_path / "new", items[:1], kind="install", serial=SERIAL + 1)
    receive(space, tmp_path / "new")
    bundle(out, items, kind="install", tags={"demo": tag}, image=tag["digest"])
    assert receive(space, out, ReceiveOptions(older=True)).images == []
    assert Layout(space.build / "oci").tags() == {}
