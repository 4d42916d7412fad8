"""Small charts as SVG: points with names, or bars; readable on light and on dark ground."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from coldforge.charts.axis import Axis, Scale

WIDTH, FONT, LETTER = 760, 12, 7.0
"""Pixels: of the picture, of a line of text, of a mean letter."""
LIGHT = ("#1f5fa8", "#b5480f", "#1b7a3d", "#8a3fa0", "#a3742b", "#a61e4d", "#0f7f86", "#5c6470")
DARK = ("#7db4f0", "#f2995c", "#6fd08c", "#cf9be2", "#e0bd6f", "#f58fae", "#63cdd4", "#aeb6c2")
"""Colours of kinds, in the order in which they come up; further kinds begin anew."""


@dataclass(frozen=True)
class Point:
    """A named place; `span` is the interval of y, drawn as a line."""

    x: float
    y: float
    label: str
    kind: str = ""
    span: tuple[float, float] | None = None


@dataclass(frozen=True)
class Bar:
    """A named length; `note` stands at its end."""

    label: str
    value: float
    kind: str = ""
    note: str = ""


@dataclass(frozen=True)
class _Box:
    """A rectangle: left, top, right, bottom."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: "_Box") -> bool:
        """Tell whether the two share more than an edge."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


@dataclass
class _Sheet:
    """An SVG document as it grows."""

    title: str
    height: float
    kinds: list[str]
    lines: list[str] = field(default_factory=list)

    def text(self, place: tuple[float, float], words: str, anchor: str = "start") -> None:
        """Write words; `place` is the middle of their height."""
        x, y = place
        end = "" if anchor == "start" else f' text-anchor="{anchor}"'
        self.lines.append(f'<text x="{x:.1f}" y="{y + 4:.1f}"{end}>{escape(words)}</text>')

    def line(self, ends: tuple[float, float, float, float], look: str) -> None:
        """Draw from (x, y) to (x, y)."""
        one, two, three, four = ends
        self.lines.append(
            f'<line x1="{one:.1f}" y1="{two:.1f}" x2="{three:.1f}" y2="{four:.1f}" class="{look}"/>'
        )

    def look(self, kind: str) -> str:
        """Name the class that colours a kind."""
        return f"k{self.kinds.index(kind) % len(LIGHT)}"

    def legend(self, left: float, y: float) -> None:
        """Name the kinds in one row, if there are any."""
        for kind in filter(None, self.kinds):
            self.lines.append(
                f'<circle cx="{left:.1f}" cy="{y:.1f}" r="4" class="{self.look(kind)}"/>'
            )
            self.text((left + 9, y), kind)
            left += 26 + LETTER * len(kind)

    def svg(self) -> str:
        """Return the whole file."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.height:.0f}" '
            f'width="{WIDTH}" height="{self.height:.0f}" role="img" '
            f'font-family="system-ui, sans-serif" font-size="{FONT}">'
        )
        ground = f'<rect width="{WIDTH}" height="{self.height:.0f}" class="ground"/>'
        name = f'<text x="16" y="24" class="title">{escape(self.title)}</text>'
        title = f"<title>{escape(self.title)}</title>"
        return "\n".join([head, title, _style(), ground, name, *self.lines, "</svg>", ""])


def _style() -> str:
    """Colour everything, twice: for light ground and for dark."""
    return (
        f"<style>{_colours('#ffffff', '#22272e', '#d8dce2', LIGHT)} "
        ".title{font-size:15px;font-weight:600} .axis,.grid,.span{fill:none} "
        ".span{stroke-width:1.5;opacity:.6} "
        f"@media (prefers-color-scheme:dark){{{_colours('#14181d', '#e3e7ec', '#38404a', DARK)}}}"
        "</style>"
    )


def _colours(ground: str, ink: str, faint: str, kinds: Sequence[str]) -> str:
    each = " ".join(f".k{at}{{fill:{item};stroke:{item}}}" for at, item in enumerate(kinds))
    return (
        f".ground{{fill:{ground}}} text{{fill:{ink}}} .axis{{stroke:{ink}}} "
        f".grid{{stroke:{faint}}} {each}"
    )


def scatter(title: str, x: Axis, y: Axis, points: Sequence[Point]) -> str:
    """Draw finite points, each with its label beside it; return the SVG."""
    sheet = _Sheet(title, 480, _kinds([item.kind for item in points]))
    area = _Box(76, 64, WIDTH - 24, 420)
    spans = [bound for item in points for bound in item.span or ()]
    across = x.scale([item.x for item in points])
    up = y.scale([item.y for item in points] + [bound for bound in spans if bound > 0 or not y.log])
    sheet.legend(area.left, 44)
    _across(sheet, area, across, x.title)
    _upwards(sheet, area, up, y.title)
    taken: list[_Box] = []
    places = []
    for item in points:
        place = _x(area, across, item.x), _y(area, up, item.y)
        places.append(place)
        taken.append(_Box(place[0] - 5, place[1] - 5, place[0] + 5, place[1] + 5))
        if item.span:
            low, high = (_y(area, up, bound) for bound in item.span)
            sheet.line((place[0], low, place[0], high), f"span {sheet.look(item.kind)}")
    for item, place in zip(points, places, strict=True):
        _dot(sheet, item, place)
        _name(sheet, item.label, place, taken)
    return sheet.svg()


def bars(title: str, axis: Axis, rows: Sequence[Bar]) -> str:
    """Draw a bar a row, from the axis' lower end, or from 0 if it is not logarithmic."""
    left = 28 + LETTER * max((len(item.label) for item in rows), default=0)
    right = WIDTH - 24 - LETTER * max((len(item.note) for item in rows), default=0)
    area = _Box(left, 64, right, 72 + 18 * len(rows))
    sheet = _Sheet(title, area.bottom + 56, _kinds([item.kind for item in rows]))
    values = [item.value for item in rows]
    scale = axis.scale(values if axis.log else [0.0, *values])
    start = area.left if axis.log else _x(area, scale, 0.0)
    sheet.legend(area.left, 44)
    _across(sheet, area, scale, axis.title)
    for row, item in enumerate(rows):
        y, end = area.top + 13 + 18 * row, _x(area, scale, item.value)
        sheet.text((area.left - 8, y), item.label, "end")
        sheet.lines.append(
            f'<rect x="{min(start, end):.1f}" y="{y - 6:.1f}" width="{abs(end - start):.1f}" '
            f'height="12" class="{sheet.look(item.kind)}"/>'
        )
        sheet.text((max(start, end) + 6, y), item.note)
    return sheet.svg()


def _kinds(found: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(found))


def _x(area: _Box, scale: Scale, value: float) -> float:
    return area.left + (area.right - area.left) * scale.at(value)


def _y(area: _Box, scale: Scale, value: float) -> float:
    return area.bottom - (area.bottom - area.top) * scale.at(value)


def _across(sheet: _Sheet, area: _Box, scale: Scale, title: str) -> None:
    for value, words in scale.ticks:
        x = _x(area, scale, value)
        sheet.line((x, area.top, x, area.bottom), "grid")
        sheet.text((x, area.bottom + 14), words, "middle")
    sheet.line((area.left, area.bottom, area.right, area.bottom), "axis")
    sheet.text(((area.left + area.right) / 2, area.bottom + 36), title, "middle")


def _upwards(sheet: _Sheet, area: _Box, scale: Scale, title: str) -> None:
    for value, words in scale.ticks:
        y = _y(area, scale, value)
        sheet.line((area.left, y, area.right, y), "grid")
        sheet.text((area.left - 7, y), words, "end")
    sheet.line((area.left, area.top, area.left, area.bottom), "axis")
    middle = (area.top + area.bottom) / 2
    sheet.lines.append(
        f'<text transform="translate(16 {middle:.1f}) rotate(-90)" text-anchor="middle">'
        f"{escape(title)}</text>"
    )


def _dot(sheet: _Sheet, item: Point, place: tuple[float, float]) -> None:
    said = f"{item.label}: {item.x:.4g}, {item.y:.4g}"
    sheet.lines.append(
        f'<circle cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="4" class="{sheet.look(item.kind)}">'
        f"<title>{escape(said)}</title></circle>"
    )


def _name(sheet: _Sheet, label: str, place: tuple[float, float], taken: list[_Box]) -> None:
    """Write a label where it covers nothing, as near as can be, with a line to it from afar."""
    x, y = place
    width = LETTER * len(label)
    for far in range(0, 15 * FONT, FONT // 2):
        for side, turn in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
            gap = 8 if far < FONT else 20
            left = x + gap if side > 0 else x - gap - width
            middle = y + turn * far
            box = _Box(left, middle - FONT / 2, left + width, middle + FONT / 2)
            inside = box.left > 76 and box.right < WIDTH and box.top > 58 and box.bottom < 420
            if inside and not any(box.meets(other) for other in taken):
                taken.append(box)
                if far >= FONT:
                    sheet.line((x, y, x + side * (gap - 2), middle), "grid")
                sheet.text((left, middle), label)
                return
    sheet.text((x + 8, y), label)
