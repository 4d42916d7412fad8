import json
import os
import socket
from pathlib import Path

import pytest

from coldforge.image.oci.config import environment, image_config, image_manifest
from coldforge.image.oci.layout import CONFIG, LAYER, MANIFEST, Descriptor
from coldforge.paths import Workspace
from coldforge.stack.stack import Stack, read_stack

LAYERS = [("base", "sha256:" + "1" * 64), ("python", "sha256:" + "2" * 64)]


@pytest.fixture
def stack(trio: Workspace) -> Stack:
    return read_stack(trio, "trio")


def test_a_higher_layer_s_environment_wins(trio: Workspace) -> None:
    recipe = trio.layers / "top" / "layer.toml"
    recipe.write_text(recipe.read_text("utf-8") + '[env]\nPATH = "/opt/bin"\n', "utf-8")
    stack = read_stack(trio, "trio")
    assert environment(stack, ["base", "python"]) == {"PATH": "/usr/bin", "FROM_PYTHON": "1"}
    assert environment(stack, list(stack.layers))["PATH"] == "/opt/bin"


def test_the_config_is_decided_field_by_field(stack: Stack) -> None:
    config = image_config(stack, LAYERS, {"z": "1", "a": "2"})
    assert config == {
        "architecture": "amd64",
        "os": "linux",
        "created": "2023-11-14T22:13:20Z",
        "config": {
            "Env": ["FROM_PYTHON=1", "PATH=/usr/bin"],
            "Labels": {"a": "2", "z": "1"},
            "WorkingDir": "/",
        },
        "rootfs": {"type": "layers", "diff_ids": [digest for _, digest in LAYERS]},
        "history": [
            {"created": "2023-11-14T22:13:20Z", "created_by": "coldforge layer base"},
            {"created": "2023-11-14T22:13:20Z", "created_by": "coldforge layer python"},
        ],
    }
    assert list(config["config"]["Labels"]) == ["a", "z"]


def test_what_the_image_runs_as_comes_from_the_stack(trio: Workspace) -> None:
    image = '[image]\nuser = "me"\nworkdir = "/w"\nentrypoint = ["e"]\ncmd = ["c"]\n'
    path = trio.stacks / "trio.toml"
    path.write_text(path.read_text("utf-8") + image, "utf-8")
    running = image_config(read_stack(trio, "trio"), [], {})["config"]
    assert {key: running[key] for key in ("User", "WorkingDir", "Entrypoint", "Cmd")} == {
        "User": "me",
        "WorkingDir": "/w",
        "Entrypoint": ["e"],
        "Cmd": ["c"],
    }


def test_nothing_of_the_host_is_in_the_config(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = json.dumps(image_config(stack, LAYERS, {}))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.chdir(tmp_path)
    assert json.dumps(image_config(stack, LAYERS, {})) == before
    for fact in (socket.gethostname(), str(tmp_path), os.uname().release):
        assert fact not in before


def test_the_manifest_names_config_and_layers_in_order() -> None:
    config = Descriptor(CONFIG, "sha256:c", 1)
    layers = [Descriptor(LAYER, "sha256:b", 2), Descriptor(LAYER, "sha256:a", 3)]
    assert image_manifest(config, layers) == {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": "sha256:c", "size": 1},
        "layers": [
            {"mediaType": LAYER, "digest": "sha256:b", "size": 2},
            {"mediaType": LAYER, "digest": "sha256:a", "size": 3},
        ],
    }
