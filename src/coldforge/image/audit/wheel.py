"""Audit a wheel: read its binaries here, its device code with the builder image's cuobjdump."""

import json
import shutil
import tempfile
import zipfile
from pathlib import Path

import msgspec

from coldforge.errors import ColdforgeError
from coldforge.files.digest import sha256_file
from coldforge.image.audit.audit import (
    Audit,
    DeviceCode,
    ImageLibraries,
    WheelLibraries,
    audit_binaries,
)
from coldforge.image.audit.elf import MAGIC, Elf, read_elf
from coldforge.image.containers.step import ContainerStep, finished
from coldforge.image.layers.context import BuildContext
from coldforge.image.layers.release_build import BuildEnvironment

REPORT = "audit.json"


def audit_wheel(
    build_env: BuildEnvironment,
    context: BuildContext,
    name: str,
    wheel: Path,
    image: ImageLibraries,
) -> Audit:
    """Audit the wheel of recipe `name` against `image`; write the report beside the wheel.

    Raise ColdforgeError naming the first file that is wrong, and what.
    """
    asked, python = context.stack.file.architectures, context.stack.file.python
    root = f"usr/local/lib/python{python.version if python else '3'}/dist-packages"
    binary = elf_files(wheel)
    found = WheelLibraries(
        root, binary, device_code(build_env, context, name, wheel) if binary else {}
    )
    binaries = audit_binaries(found, asked, image)
    faults = [f"{binary.file} {fault}" for binary in binaries for fault in binary.faults]
    if context.stack.wheels[name].release and not found.device:
        faults.append(f"{wheel.name} holds no device code")
    audit = Audit(wheel.name, sha256_file(wheel), asked, binaries, faults)
    report = wheel.with_name(REPORT)
    report.write_bytes(msgspec.json.format(msgspec.json.encode(audit)) + b"\n")
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise ColdforgeError(f"wheel {name}: {faults[0]}{more}", f"the whole audit: {report}")
    return audit


def read_report(wheel: Path) -> Audit:
    """Read the report kept beside a wheel; raise ColdforgeError."""
    try:
        return msgspec.json.decode(wheel.with_name(REPORT).read_bytes(), type=Audit)
    except (OSError, msgspec.DecodeError) as error:
        raise ColdforgeError(f"{wheel.name} was never audited", "build it with --clean") from error


def elf_files(wheel: Path) -> dict[str, Elf]:
    """Read every ELF file of a wheel: path in it -> content."""
    found = {}
    with zipfile.ZipFile(wheel) as archive:
        for info in archive.infolist():
            with archive.open(info) as packed, tempfile.TemporaryFile() as plain:
                start = packed.read(len(MAGIC))
                if start == MAGIC:
                    plain.write(start)
                    shutil.copyfileobj(packed, plain)
                    found[info.filename] = read_elf(plain, info.filename)
    return found


def device_code(
    build_env: BuildEnvironment, context: BuildContext, name: str, wheel: Path
) -> dict[str, DeviceCode]:
    """Run cuobjdump, where the wheel was compiled, on each of its binaries."""
    step = ContainerStep(
        name=f"audit {name}",
        image=build_env.image,
        command=["python3", "/coldforge/in/audit.py"],
        inputs={"audit.py": context.space.wheels / "audit.py", wheel.name: wheel},
        env=build_env.env,
    )
    log = context.logs / f"audit.{name}.log"
    with finished(build_env.client, step, log):
        printed = log.read_text("utf-8").splitlines()[-1]
    found: dict[str, DeviceCode] = msgspec.convert(json.loads(printed), dict[str, DeviceCode])
    return found
