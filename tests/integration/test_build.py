import json
import os
import re
import socket
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from coldforge.errors import ColdforgeError
from coldforge.image.build.build import deliver
from coldforge.image.containers.docker_engine import diff_ids
from coldforge.image.filesystem.tree import read_tree
from tests.integration.conftest import BuildCheckout

pytestmark = pytest.mark.engine


@pytest.fixture
def listener() -> Iterator[int]:
    """Port of a server on this host's 127.0.0.1 that fails the test on any connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


def contents(layer: Path) -> dict[str, bytes]:
    with tarfile.open(layer) as archive:
        files = [info for info in archive if info.isfile()]
        return {info.name: archive.extractfile(info).read() for info in files}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("attempt", "why"),
    [
        ("socket.create_connection(('192.0.2.1', 80), 5)", "Network is unreachable"),
        ("socket.create_connection(('127.0.0.1', PORT), 5)", "Connection refused"),
        ("socket.getaddrinfo('example.org', 80)", "name resolution"),
    ],
)
def test_a_script_that_opens_a_connection_fails_and_leaves_nothing(
    checkout: BuildCheckout,
    listener: int,
    left: Callable[[str], list[Any]],
    attempt: str,
    why: str,
) -> None:
    code = f"import socket; {attempt.replace('PORT', str(listener))}"
    checkout.script(f'echo kept >/opt/early\npython3 -c "{code}"')
    before = checkout.made()
    with pytest.raises(ColdforgeError, match=r"^layer extra failed with status 1$") as caught:
        checkout.build()
    log = re.fullmatch("the whole log: (.*)", caught.value.hint)
    assert log
    assert why in Path(log[1]).read_text("utf-8")
    assert checkout.made() == before
    assert left("layer extra") == []


def test_a_script_has_only_the_capabilities_it_declares(checkout: BuildCheckout) -> None:
    checkout.script(
        "mkdir /opt/saw\ngrep -E 'Cap|NoNew' /proc/self/status >/opt/saw/status\n"
        "ls /sys/class/net >/opt/saw/net\nid -u >/opt/saw/id",
        'capabilities = ["CHOWN"]',
    )
    saw = contents(checkout.extra())
    status = dict(line.split(":\t") for line in saw["opt/saw/status"].decode().splitlines())
    held = {name: int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd")}
    assert held | {"CapInh": 1} == {"CapInh": 1, "CapPrm": 1, "CapEff": 1, "CapBnd": 1}
    assert held["CapInh"] in (0, 1)
    assert status["NoNewPrivs"] == "1"
    assert saw["opt/saw/net"] == b"lo\n"
    assert saw["opt/saw/id"] == b"0\n"


def test_a_script_cannot_write_its_inputs(checkout: BuildCheckout) -> None:
    checkout.script(
        "mkdir /opt/saw\n"
        "if echo x >>/coldforge/in/build.sh; then exit 9; fi 2>/opt/saw/append\n"
        "if touch /coldforge/in/new; then exit 9; fi 2>/opt/saw/new\n"
        "if rm /coldforge/in/build.sh; then exit 9; fi 2>/opt/saw/remove",
        'capabilities = ["DAC_OVERRIDE", "FOWNER"]',
    )
    saw = contents(checkout.extra())
    assert len(saw) == 3
    assert all(b"Read-only file system" in said for said in saw.values())


def test_only_declared_outputs_are_kept(checkout: BuildCheckout) -> None:
    checkout.script(
        "mkdir -p /opt/kept /opt/other\ntouch /opt/kept/a /opt/other/b /etc/c /srv/d /tmp/e\n"
        "rm /etc/debian_version",
        'outputs = ["/opt/kept", "/srv/d"]',
    )
    assert set(read_tree(checkout.extra())) == {
        "opt",
        "opt/kept",
        "opt/kept/a",
        "srv",
        "srv/d",
    }


def test_a_file_rewritten_at_the_same_size_and_time_is_kept(checkout: BuildCheckout) -> None:
    checkout.script(
        "touch -r /etc/debian_version /tmp/time\n"
        "tr 0-9 1-90 </etc/debian_version >/tmp/new\ncat /tmp/new >/etc/debian_version\n"
        "touch -r /tmp/time /etc/debian_version"
    )
    assert list(contents(checkout.extra())) == ["etc/debian_version"]


def test_a_failing_script_leaves_nothing_and_builds_once_fixed(
    checkout: BuildCheckout, left: Callable[[str], list[Any]]
) -> None:
    checkout.script("echo half >/opt/a; echo the reason; exit 3")
    before = checkout.made()
    with pytest.raises(ColdforgeError, match="layer extra failed with status 3"):
        checkout.build()
    assert checkout.made() == before
    assert left("layer extra") == []
    checkout.script("echo whole >/opt/a")
    assert contents(checkout.extra()) == {"opt/a": b"whole\n"}


def test_a_failing_check_keeps_the_layer_but_builds_no_image(checkout: BuildCheckout) -> None:
    script = "#!/bin/sh\necho 1 >/opt/a\n"
    checkout.recipe(
        'script = "build.sh"\ncheck = "check.sh"', build_sh=script, check_sh="#!/bin/sh\nexit 1\n"
    )
    with pytest.raises(ColdforgeError, match="check extra failed with status 1"):
        checkout.build()
    assert checkout.context().layout.tags() == {}


def test_docker_engine_applies_removals_and_changes_of_type(checkout: BuildCheckout) -> None:
    """Removals, changes of type and parents, as the layer's own check sees them."""
    checkout.recipe(
        'script = "build.sh"\ncheck = "check.sh"\n'
        'capabilities = ["CHOWN", "DAC_OVERRIDE", "FOWNER"]',
        build_sh="""#!/bin/sh
set -eu
rm -r /etc/skel /usr/share/zoneinfo/Europe
mkdir /usr/share/zoneinfo/Europe-West
echo file >/etc/skel
rm /home/coldforge/.profile
rm /etc/debian_version
mkdir /etc/debian_version
ln -s nowhere /opt/link
ln /opt/link /opt/again
chown -h 1000:1000 /opt/link
""",
        check_sh="""#!/bin/sh
set -eux
test ! -e /usr/share/zoneinfo/Europe
test -d /usr/share/zoneinfo/Europe-West
test -e /usr/share/zoneinfo/UTC
test "$(cat /etc/skel)" = file
test -d /etc/debian_version
test "$(readlink /opt/link)" = nowhere
test "$(readlink /opt/again)" = nowhere
test "$(stat -c %u:%g:%a /home/coldforge)" = 1000:1000:755
test "$(stat -c %a /tmp)" = 1777
test "$(id -u)" = 65534
! touch /opt/new
""",
    )
    tree = read_tree(checkout.extra())
    assert {path for path in tree if "/.wh." in path} == {
        "home/coldforge/.wh..profile",
        "usr/share/zoneinfo/.wh.Europe",
    }


def test_a_built_image_is_loaded_and_its_helper_images_are_removed(
    checkout: BuildCheckout, engine: Any
) -> None:
    checkout.script("echo 1 >/opt/a")
    built = checkout.build()
    name = deliver(checkout.context(), built, lambda: engine)
    assert diff_ids(engine, name) == [layer.digest for layer in built.layers.values()]
    assert diff_ids(engine, name.replace(":latest", ":below")) == []
    assert checkout.build() == built


CODE = """
import json, sys
from pathlib import Path
from coldforge.host.docker_client import connect
from coldforge.image.build.build import build, build_context
from coldforge.paths import Workspace
client = connect()
context = build_context(Workspace(Path(sys.argv[1])), sys.argv[2], Path(sys.argv[3]))
print(json.dumps(build(context, lambda: client).json()))
client.close()
"""


def test_two_builds_on_different_hosts_give_the_same_layers(
    checkout: BuildCheckout, tmp_path: Path
) -> None:
    """Another folder, umask, time zone, locale and working directory; private mirror files."""
    checkout.script(
        "date >/opt/date; umask >/opt/umask; env | sort >/opt/env; ls -l / | cut -c 1-10 >/opt/ls\n"
        "hostname >/opt/hostname; date +%Z >/opt/zone; rm /opt/date\n"
        "python3 -c 'import sys; print(hash(\"a\"), sys.flags)' >/opt/hash"
    )
    first = checkout.build()
    scratch = tmp_path / "ünother root"
    checkout.context(scratch)
    (checkout.space.layers / "extra" / "build.sh").chmod(0o700)
    environment = os.environ | {"TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "7"}
    command = [
        sys.executable,
        "-c",
        CODE,
        str(checkout.space.root),
        checkout.stack,
        str(scratch),
    ]
    again = subprocess.run(
        command, cwd="/", env=environment, umask=0o077, check=True, stdout=subprocess.PIPE
    )
    assert json.loads(again.stdout) == first.json()
    assert (scratch / "oci" / "index.json").exists()
