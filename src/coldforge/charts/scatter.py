"""A scatter chart of labelled points, as an SVG file."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from coldforge.charts.axis import Axis, Ruler
from coldforge.charts.drawing import FONT, LETTER, WIDTH, Drawing, series_class

LEFT, TOP, RIGHT, BOTTOM = 76.0, 64.0, WIDTH - 24.0, 420.0
"""The plot area, pixels."""
REACH = 15 * FONT
"""Pixels above or below its point that a label may be at most."""


@dataclass(frozen=True)
class Point:
    """A labelled point; `interval` is that of y, drawn as a vertical line."""

    x: float
    y: float
    label: str
    series: str = ""
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class _Box:
    """A rectangle: left, top, right, bottom."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: "_Box") -> bool:
        """Tell whether the two share more than an edge."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


def scatter(title: str, x: Axis, y: Axis, points: Sequence[Point]) -> str:
    """Draw finite points, each with its label beside it; return the SVG."""
    series = list(dict.fromkeys(item.series for item in points))
    drawing = Drawing(height=480)
    across, up = _rulers(x, y, points)
    drawing.legend(series, LEFT, 44)
    _axes(drawing, (across, x.title), (up, y.title))
    used: list[_Box] = []
    places = [(across.at(item.x), up.at(item.y)) for item in points]
    for item, place in zip(points, places, strict=True):
        used.append(_Box(place[0] - 5, place[1] - 5, place[0] + 5, place[1] + 5))
        if item.interval:
            low, high = (up.at(bound) for bound in item.interval)
            css = f"span {series_class(series.index(item.series))}"
            drawing.line((place[0], place[0]), (low, high), css)
    for item, place in zip(points, places, strict=True):
        tip = f"{item.label}: {item.x:.4g}, {item.y:.4g}"
        drawing.circle(*place, 4, series_class(series.index(item.series)), tip)
        _label(drawing, item.label, place, used)
    return drawing.file(title)


def _rulers(x: Axis, y: Axis, points: Sequence[Point]) -> tuple[Ruler, Ruler]:
    """Span the points and what a logarithmic axis can show of their intervals."""
    bounds = [bound for item in points for bound in item.interval or ()]
    heights = [item.y for item in points] + [one for one in bounds if one > 0 or not y.log]
    across = Ruler(LEFT, RIGHT, x.scale([item.x for item in points]))
    return across, Ruler(BOTTOM, TOP, y.scale(heights))


def _axes(drawing: Drawing, across: tuple[Ruler, str], up: tuple[Ruler, str]) -> None:
    drawing.axis_titled(*across, (TOP, BOTTOM))
    ruler, title = up
    for value, words in ruler.scale.ticks:
        y = ruler.at(value)
        drawing.rule((LEFT, RIGHT), (y, y))
        drawing.text(LEFT - 7, y + 4, words, "end")
    drawing.rule((LEFT, LEFT), (TOP, BOTTOM), "axis")
    middle = (TOP + BOTTOM) / 2
    drawing.words.append(
        f'<text transform="translate(16 {middle:.1f}) rotate(-90)" class="middle">'
        f"{escape(title)}</text>"
    )


def _label(drawing: Drawing, label: str, place: tuple[float, float], used: list[_Box]) -> None:
    """Write a label as near to its point as nothing is covered; join it by a line from afar."""
    x, y = place
    width = LETTER * len(label)
    for far in range(0, REACH, FONT // 2):
        for side, turn in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
            gap = 8 if far < FONT else 20
            left = x + gap if side > 0 else x - gap - width
            middle = y + turn * far
            box = _Box(left, middle - FONT / 2, left + width, middle + FONT / 2)
            inside = box.left > LEFT and box.right < WIDTH
            inside = inside and box.top > TOP - 6 and box.bottom < BOTTOM
            if inside and not any(box.overlaps(other) for other in used):
                used.append(box)
                if far >= FONT:
                    drawing.line((x, x + side * (gap - 2)), (y, middle), "grid")
                drawing.text(left, middle + 4, label)
                return
    drawing.text(x + 8, y + 4, label)
