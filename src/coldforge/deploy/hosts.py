"""The file that lists a fleet: one engine a line, as DOCKER_HOST spells it."""

import re
from pathlib import Path

from coldforge.errors import ColdforgeError

SHAPES = {
    "ssh": re.compile(
        r"ssh://([A-Za-z0-9_][\w.-]*@)?([A-Za-z0-9_][\w.-]*|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?/?",
        re.ASCII,
    ),
    "tcp": re.compile(r"tcp://([A-Za-z0-9_][\w.-]*|\[[0-9a-fA-F:]+\]):[0-9]{1,5}/?", re.ASCII),
    "unix": re.compile(r"unix:///[^\s\x00]+"),
}
HINT = "write ssh://USER@HOST[:PORT], unix:///PATH or tcp://HOST:PORT, one a line; # begins a note"


def read_hosts(path: Path) -> list[str]:
    """Read a list of engines; each counts once. Raise ColdforgeError naming a line that is none."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ColdforgeError(f"{path} cannot be read: {why}", HINT) from error
    hosts = parse_hosts(text, str(path))
    if not hosts:
        raise ColdforgeError(f"{path} lists no host", HINT)
    return hosts


def parse_hosts(text: str, what: str) -> list[str]:
    """Read the lines of a list called `what`."""
    hosts = []
    for number, line in enumerate(text.splitlines(), 1):
        host = re.sub(r"(^|\s)#.*", "", line).strip()
        if not host:
            continue
        shape = SHAPES.get(host.partition("://")[0])
        if shape is None or not shape.fullmatch(host):
            raise ColdforgeError(f"{what}, line {number}: '{host}' is not an engine address", HINT)
        hosts.append(host.rstrip("/") if not host.startswith("unix:") else host)
    return list(dict.fromkeys(hosts))
