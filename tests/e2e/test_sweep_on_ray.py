"""A sweep on a Ray cluster of two workers gives the same results as without Ray."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from coldforge.image.containers.launch import Launch, created
from tests.e2e.conftest import Cli

pytestmark = [pytest.mark.engine, pytest.mark.network]

STACK = "cpu-ray"
IMAGE = f"localhost/coldforge/{STACK}:latest"
NODE = ("--node-ip-address=127.0.0.1", "--num-cpus=1", "--block", "--plasma-directory=/tmp",
        "--object-store-memory=78643200", "--disable-usage-stats")  # fmt: skip
READY = b"Ray runtime started"
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / f"{STACK}.json"
MATRIX = """\
models = ["{model}"]
methods = ["rtn", {{method = "gptq", group_size = 64}}]

[calibration]
text = "{text}"
samples = 2
length = 64

[evaluate]
text = "{text}"
window = 64
limit = 2
"""


@dataclass(frozen=True)
class Cluster:
    """Two workers on loopback, and the folder that they share."""

    address: str
    folder: Path
    matrix: Path
    head: Any
    """Container of its head."""


@pytest.fixture(scope="module")
def built(quickstart: Any, cli: Cli) -> dict[str, Any]:
    """The image with Ray, which shares all but two layers with `cpu`."""
    cli.run("mirror.fetch", "--stack", STACK)
    found: dict[str, Any] = cli.json("image.build", "--stack", STACK)
    return found


@pytest.fixture(scope="module")
def cluster(
    built: Any, cli: Cli, engine: Any, text: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("shared")
    model = cli.root / "build" / "quickstart" / "model"
    matrix = folder / "matrix.toml"
    matrix.write_text(MATRIX.format(model=model, text=text), "utf-8")
    reads = [model, Path(text)]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    head = ("--head", f"--port={port}", "--include-dashboard=false")
    nodes = []
    with ExitStack() as stack:
        for where in (head, (f"--address=127.0.0.1:{port}",)):
            command = ["ray", "start", *where, *NODE]
            work = Launch(IMAGE, command, reads, [folder], cluster=True)
            container = stack.enter_context(created(engine, work, tty=False))
            container.start()
            _wait(container)
            nodes.append(container)
        yield Cluster(f"127.0.0.1:{port}", folder, matrix, nodes[0])


def test_layer_digests_equal_the_recorded_ones(built: dict[str, Any]) -> None:
    golden = json.loads(GOLDEN.read_text("utf-8"))
    assert {name: built["layers"][name] for name in golden} == golden


def test_two_ray_workers_give_the_results_of_one_process(cluster: Cluster, cli: Cli) -> None:
    spread = cluster.folder / "spread"
    asked = ["--matrix", str(cluster.matrix), "--out"]
    found = cli.json("sweep", *asked, str(spread), "--ray", cluster.address)
    alone = _without_ray(cluster.head, [*asked, str(cluster.folder / "alone"), "--json"])
    assert len(found["cells"]) == 2
    assert _facts(found) == _facts(alone)
    assert found["cells"][1]["evaluate"]["reference"]["kl"] > 0


def test_a_worker_that_cannot_see_the_folder_is_reported(
    cluster: Cluster, cli: Cli, tmp_path: Path
) -> None:
    asked = ["--matrix", str(cluster.matrix), "--out", str(tmp_path / "out")]
    said = cli.run("sweep", *asked, "--ray", cluster.address, ok=False)
    assert said.returncode == 1
    assert f"does not see the sweep's folder {tmp_path / 'out'}" in said.stderr
    assert "Traceback" not in said.stderr


def _without_ray(head: Any, asked: list[str]) -> Any:
    """Sweep on a node, without Ray."""
    done = head.exec_run(["invoke", "sweep", *asked], demux=True)
    assert done.exit_code == 0, done.output[1][-3000:]
    return json.loads(done.output[0])


def _facts(found: dict[str, Any]) -> list[Any]:
    """Select the results of each cell that do not depend on time, folder or memory."""
    return [
        [cell["name"], cell["digest"], cell["error"], cell["quantize"]["digest"],
         cell["quantize"]["layers"], cell["evaluate"]["perplexity"],
         cell["evaluate"]["reference"]["kl"], cell["evaluate"]["reference"]["top1_agreement"]]
        for cell in found["cells"]
    ]  # fmt: skip


def _wait(container: Any) -> None:
    """Wait until a node has joined."""
    until = time.monotonic() + 60
    while READY not in container.logs():
        container.reload()
        assert container.status == "running", container.logs()[-2000:]
        assert time.monotonic() < until, container.logs()[-2000:]
        time.sleep(0.2)
