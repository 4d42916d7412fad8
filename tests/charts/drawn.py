"""Read charts back."""

from xml.etree import ElementTree as ET

SVG = "{http://www.w3.org/2000/svg}"


def texts(picture: str) -> list[str]:
    """List the words of an SVG file."""
    return [item.text or "" for item in ET.fromstring(picture).iter(f"{SVG}text")]


def circles(picture: str) -> dict[str, tuple[float, float]]:
    """Map the label of each point to its place."""
    found = {}
    for item in ET.fromstring(picture).iter(f"{SVG}circle"):
        name = item.findtext(f"{SVG}title")
        if name:
            found[name.partition(":")[0]] = (float(item.get("cx", "")), float(item.get("cy", "")))
    return found
