"""Paths that no layer holds: traces of the clock, the host and the run, each with its reason."""

from fnmatch import fnmatchcase

EXCLUDED = (
    "coldforge", "coldforge/*",  # where steps find their inputs
    ".dockerenv", "etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/mtab",  # Docker's
    "dev/*", "proc/*", "sys/*", "run/*", "tmp/*", "var/tmp/*",  # alive only while running
    "var/log/*", "var/cache/apt/*", "var/lib/apt/lists/*",  # dates, and indexes of the moment
    "var/cache/ldconfig/aux-cache",  # inode numbers and times
    "var/cache/debconf/*", "var/lib/dpkg/*-old", "var/lib/dpkg/lock*",  # dates and order of asking
    "var/lib/systemd/catalog/database", "etc/udev/hwdb.bin", "usr/lib/udev/hwdb.bin",
    "etc/machine-id", "var/lib/dbus/machine-id",  # unique by intent
    "etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-",  # backups
    "etc/subuid-", "etc/subgid-", "etc/.pwd.lock",
    "etc/ssh/ssh_host_*", "etc/ssl/private/ssl-cert-snakeoil.key",  # secrets of one machine
    "*/__pycache__", "*/__pycache__/*",  # hold times and FLAG_REF accidents
    "var/cache/man/*", "var/cache/fontconfig/*", "root/.*",
)  # fmt: skip


def is_excluded(path: str) -> bool:
    """Tell whether this path is left out of every layer."""
    return any(fnmatchcase(path, pattern) for pattern in EXCLUDED)
