from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.mirror.origins.python import uv
from coldforge.mirror.origins.python.uv import File, ResolvedPackage, Resolver, parse, pylock
from coldforge.mirror.settings.pip import PipConfig
from coldforge.stack.stack import Python

IMAGE = Python("3.11", "x86_64-manylinux_2_36")


def test_a_pylock_is_read_with_what_it_leaves_out(tmp_path: Path) -> None:
    (tmp_path / "pylock.toml").write_text("""
lock-version = "1.0"
[[packages]]
name = "demo"
version = "1.0"
marker = "os_name == 'posix'"
sdist = { path = "files/demo-1.0.tar.gz", size = 7, hashes = { sha256 = "ab" } }
wheels = [{ url = "https://example.org/demo-1.0%2Bcpu.whl", hashes = { md5 = "x" } }]
""")
    wheel = File("demo-1.0+cpu.whl", "https://example.org/demo-1.0%2Bcpu.whl", "", -1)
    place = (tmp_path / "files" / "demo-1.0.tar.gz").as_uri()
    source = File("demo-1.0.tar.gz", place, "ab", 7)
    expected = ResolvedPackage("demo", "1.0", [wheel, source], "os_name == 'posix'")
    assert parse(tmp_path / "pylock.toml") == [expected]


def test_pins_are_written_as_a_pylock(tmp_path: Path) -> None:
    path = tmp_path / "pylock.toml"
    for pins in ({}, {"b": "2+cpu", "a": "1"}):
        path.write_text(pylock(pins))
        assert {item.name: item.version for item in parse(path)} == pins


def seen(resolver: Resolver, monkeypatch: pytest.MonkeyPatch, **more: object) -> dict[str, str]:
    """Give the environment the resolver is run in, after checking its arguments."""
    environments: list[dict[str, str]] = []

    def run(command: list[str], env: dict[str, str], **_: object) -> None:
        assert "secret" not in " ".join(command)
        environments.append(env)
        raise ColdforgeError("enough seen")

    monkeypatch.setattr(uv.subprocess, "run", run)
    with pytest.raises(ColdforgeError, match="enough seen"):
        resolver.resolve(["demo"], {}, set(), **more)  # type: ignore[arg-type]
    return environments[0]


def test_addresses_are_kept_off_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexes = ["https://user:secret@example.org/s", "file:///b", "file:///c"]
    pip = PipConfig(find_links=["/one", "/two"], trusted=["h"], cert="/cert", proxy="http://p")
    env = seen(Resolver(IMAGE, pip, indexes, tmp_path), monkeypatch)
    assert env["UV_INDEX"] == "https://user:secret@example.org/s file:///b"
    assert env["UV_DEFAULT_INDEX"] == "file:///c"
    assert env["UV_FIND_LINKS"] == "/one,/two"
    assert (env["UV_INSECURE_HOST"], env["SSL_CERT_FILE"], env["HTTPS_PROXY"]) == (
        "h",
        "/cert",
        "http://p",
    )


def test_the_users_settings_of_the_resolver_itself_do_not_leak_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_PRERELEASE", "allow")
    env = seen(Resolver(IMAGE, PipConfig(), [], tmp_path), monkeypatch)
    assert "UV_PRERELEASE" not in env
