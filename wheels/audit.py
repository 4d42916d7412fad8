"""Ask cuobjdump which device code each binary of a wheel holds; print it as one line of JSON.

Input: /coldforge/in/<wheel>. Printed last: {path in the wheel: {"elf": [...], "ptx": [...]}} of
those that hold any, architectures as sm_80.
"""

import json
import re
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

INPUTS = Path("/coldforge/in")
MAGIC = b"\x7fELF"
ARCHITECTURE = re.compile(r"\.(sm_[0-9]+[a-z]?)\.(?:cubin|ptx)$", re.MULTILINE)


def main() -> None:
    """Look into every ELF file of the wheel."""
    if not shutil.which("cuobjdump"):
        raise SystemExit("this image has no cuobjdump to look into binaries with")
    (wheel,) = INPUTS.glob("*.whl")
    found = {}
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory(dir="/coldforge") as folder:
        for name in sorted(archive.namelist()):
            with archive.open(name) as start:
                if start.read(len(MAGIC)) != MAGIC:
                    continue
            binary = Path(archive.extract(name, folder))
            held = {"elf": listed("-lelf", binary), "ptx": listed("-lptx", binary)}
            if held["elf"] or held["ptx"]:
                found[name] = held
            binary.unlink()
    print(json.dumps(found, sort_keys=True))


def listed(flag: str, binary: Path) -> list[str]:
    """List the architectures of one kind of code; it exits with 255 where there is none at all."""
    done = subprocess.run(
        ["cuobjdump", "-all", flag, binary], capture_output=True, text=True, check=False
    )
    if done.returncode and "does not contain device code" not in done.stdout + done.stderr:
        raise SystemExit(f"cuobjdump {flag} {binary.name}: {done.stderr.strip()}")
    return sorted(set(ARCHITECTURE.findall(done.stdout)))


if __name__ == "__main__":
    main()
