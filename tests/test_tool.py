"""The stack of the tool itself: what every bundle carries must be what runs here."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from coldforge.stack.lock import read_lock
from coldforge.stack.recipe import read_layer

NOT_CARRIED = {"uv"}  # resolves locks, which wants the network; and it is as big as all the rest


def test_the_carried_libraries_are_those_of_the_hosts_lock(checkout: Path) -> None:
    lines = (checkout / "requirements.lock").read_text("utf-8").splitlines()
    found = [match for line in lines if (match := re.match(r"([\w.-]+)==([^ ;]+)", line))]
    host = {(canonicalize_name(match[1]), match[2]) for match in found}
    lock = read_lock(checkout / "offline-mirror" / "tool.lock")
    carried = {(entry.name, entry.version) for entry in lock.of("tool")}
    hint = "take the new versions into docker/layers/tool/layer.toml, then: stack.lock --stack tool"
    assert carried <= host, hint


def test_whatever_the_host_half_needs_is_carried(checkout: Path) -> None:
    project = tomllib.loads((checkout / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["host"]]
    names = {canonicalize_name(Requirement(item).name) for item in wanted} - NOT_CARRIED
    asked = read_layer(checkout / "docker" / "layers", "tool").inputs.python
    assert names <= {canonicalize_name(Requirement(item).name) for item in asked}
    assert "hatchling" in {Requirement(item).name for item in asked}
