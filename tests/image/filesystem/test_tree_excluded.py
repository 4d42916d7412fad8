import pytest

from coldforge.image.filesystem.tree import is_excluded


@pytest.mark.parametrize(
    "path",
    [
        "coldforge", "coldforge/in/build.sh", ".dockerenv", "etc/hostname", "etc/resolv.conf",
        "proc/1/status", "run/lock/x", "tmp/deep/er", "var/log/dpkg.log", "var/log/apt/history.log",
        "var/cache/ldconfig/aux-cache", "var/lib/dpkg/status-old", "var/lib/dpkg/lock-frontend",
        "etc/machine-id", "etc/shadow-", "etc/ssh/ssh_host_ed25519_key", "root/.bash_history",
        "usr/lib/python3/__pycache__", "usr/lib/python3/x/__pycache__/y.cpython-311.pyc",
    ],
)  # fmt: skip
def test_traces_of_host_clock_and_run_are_dropped(path: str) -> None:
    assert is_excluded(path)


@pytest.mark.parametrize(
    "path",
    [
        "tmp", "var/log", "run", "etc/passwd", "etc/shadow", "etc/hosts.allow", "opt/coldforge",
        "opt/coldforge/tasks.py", "usr/tmp/x", "var/lib/dpkg/status", "root", "root/x",
        "usr/lib/x/pycache/y", "var/cache/x", "home/coldforge/.bashrc", "usr/share/man/x",
    ],
)  # fmt: skip
def test_what_the_image_is_made_of_stays(path: str) -> None:
    assert not is_excluded(path)
