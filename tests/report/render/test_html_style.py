import re
from importlib.resources import files

import pytest

STYLE = files("coldforge.report.render").joinpath("style.css").read_text("utf-8")
READABLE, SEEN = 4.5, 3.0
"""Contrast that WCAG 2.2 asks of text (1.4.3) and of what pictures are made of (1.4.11)."""


def palettes() -> dict[str, dict[str, str]]:
    """Read the colours of each setting; what one does not name, the light one does."""
    found = [dict(re.findall(r"--([\w-]+): (#\w{6})", block))
             for block in re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)]  # fmt: skip
    light, dark, paper = found
    return {"light": light, "dark": light | dark, "print": light | paper}


def contrast(one: str, other: str) -> float:
    def light(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", ["light", "dark", "print"])
def test_text_and_bars_have_enough_contrast(name: str) -> None:
    colours = palettes()[name]
    for text in ("ink", "soft", "accent"):
        for ground in ("ground", "paper"):
            assert contrast(colours[text], colours[ground]) >= READABLE, (text, ground)
    assert contrast(colours["ink"], colours["code"]) >= READABLE
    for at in range(4):
        assert contrast(colours[f"s{at}"], colours["paper"]) >= SEEN
    for at in range(5):
        text = "t-low" if at < 3 else "t-high"
        assert contrast(colours[text], colours[f"h{at}"]) >= READABLE, at


@pytest.mark.parametrize("name", ["light", "dark", "print"])
def test_shades_differ_in_lightness_not_only_in_colour(name: str) -> None:
    colours = palettes()[name]
    steps = [contrast(colours[f"h{at}"], colours["paper"]) for at in range(5)]
    assert steps == sorted(steps)
