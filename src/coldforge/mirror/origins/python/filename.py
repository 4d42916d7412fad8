"""What the file name of a wheel or sdist says: project, version and package URL.

Sources: the binary and source distribution formats of the PyPA specifications.
"""

import re

from coldforge.mirror.origins.identity import package_url


def pypi_url(file: str) -> str:
    """Write the package URL of a wheel or sdist by its file name."""
    name, version = project_of(file)
    return package_url("pypi", name, version, {"file_name": file})


def project_of(file: str) -> tuple[str, str]:
    """Read name (normalised) and version off the file name of a wheel or sdist."""
    stem = re.sub(r"\.(whl|zip|tar\.[a-z0-9]+)$", "", file)
    parts = stem.split("-") if file.endswith(".whl") else stem.rsplit("-", 1)
    name = re.sub(r"[-_.]+", "-", parts[0]).lower()
    return name, parts[1] if len(parts) > 1 else ""
