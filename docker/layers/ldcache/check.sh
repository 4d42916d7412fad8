#!/bin/sh
# Every library of the folders added to Debian's own is in the cache, and loads by its name.
set -eu
python3 - <<'END'
import ctypes
import pathlib
import subprocess

DEBIAN = ("/lib", "/usr/lib")
DRIVER = ("libcuda.so.1", "libnvidia-ml.so.1")  # of the host's driver, never of an image

listed = subprocess.run(["/sbin/ldconfig", "-p"], check=True, capture_output=True, text=True).stdout
cached = {}
for line in listed.splitlines()[1:]:
    left, arrow, place = line.strip().partition(" => ")
    if arrow and not place.startswith(DEBIAN):
        cached[pathlib.Path(place)] = left.split()[0]
known = {place.resolve() for place in cached}
for conf in sorted(pathlib.Path("/etc/ld.so.conf.d").glob("*.conf")):
    for folder in conf.read_text().splitlines():
        if folder.startswith("/") and not folder.startswith(DEBIAN):
            for library in sorted(pathlib.Path(folder).glob("lib*.so.*")):
                assert library.resolve() in known, f"{library} is not in the loader's cache"
for place, name in sorted(cached.items()):
    try:
        ctypes.CDLL(name)
        print("loads:", place)
    except OSError as error:
        assert any(driver in str(error) for driver in DRIVER), error
        print("waits for the driver:", place)
END
