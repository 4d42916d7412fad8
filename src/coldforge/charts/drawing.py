"""An SVG drawing as it grows, written as a file of its own or as a part of a page."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from coldforge.charts.axis import Ruler

WIDTH, FONT, LETTER = 760, 12, 7.0
"""Pixels: width of a file, height of a line of text, mean width of a letter."""
MOST_TICKS = 6
"""Ticks of a drawing as wide as its page, which may be narrow."""
LIGHT = ("#1f5fa8", "#b5480f", "#1b7a3d", "#8a3fa0", "#a3742b", "#a61e4d", "#0f7f86", "#5c6470")
DARK = ("#7db4f0", "#f2995c", "#6fd08c", "#cf9be2", "#e0bd6f", "#f58fae", "#63cdd4", "#aeb6c2")
"""Colours of series in their order; more series start again at the first colour."""
Length = float | str
"""A number in the drawing's unit of width, or text with a unit of its own: "20px"."""


@dataclass(frozen=True)
class Caption:
    """What assistive technology reads for a drawing in a page."""

    id: str
    """Unique in the page."""
    title: str
    description: str


@dataclass(frozen=True)
class Reference:
    """A value that a line marks across a chart: no change, a card's memory."""

    label: str
    value: float


@dataclass
class Drawing:
    """Elements in three layers; y and heights are pixels, `css` names CSS classes."""

    unit: str = ""
    """Of x and widths: "%" of the page's width, or pixels."""
    height: float = 0.0
    grid: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    """Text is drawn above everything else."""

    def text(self, x: Length, y: float, words: str, css: str = "", dx: float = 0) -> None:
        """Write words with their baseline at y; `dx` moves them by pixels."""
        moved = f' dx="{dx:g}"' if dx else ""
        self.words.append(
            f'<text x="{self._width(x)}" y="{y:.1f}"{moved}{_class(css)}>{escape(words)}</text>'
        )

    def line(self, x: tuple[float, float], y: tuple[float, float], css: str) -> None:
        """Draw a line among the marks."""
        self.marks.append(self._line(x, y, css))

    def rule(self, x: tuple[float, float], y: tuple[float, float], css: str = "grid") -> None:
        """Draw a line below the marks."""
        self.grid.append(self._line(x, y, css))

    def rect(
        self, x: Length, y: float, size: tuple[Length, float], css: str, tip: str = ""
    ) -> None:
        """Draw a rectangle of (width, height); `tip` is shown under the pointer."""
        width = size[0] if isinstance(size[0], str) else max(0.0, size[0])
        self.marks.append(
            f'<rect x="{self._width(x)}" y="{y:.1f}" width="{self._width(width)}" '
            f'height="{size[1]:.1f}"{_class(css)}>{_tip(tip)}</rect>'
        )

    def circle(self, x: Length, y: float, radius: float, css: str, tip: str = "") -> None:
        """Draw a dot of `radius` pixels; `tip` is shown under the pointer."""
        self.marks.append(
            f'<circle cx="{self._width(x)}" cy="{y:.1f}" r="{radius:g}"{_class(css)}>'
            f"{_tip(tip)}</circle>"
        )

    def legend(self, series: Sequence[str], left: float, y: float) -> None:
        """Name each series that has a name in one row, beside a dot of its colour."""
        for at, name in enumerate(series):
            if name:
                self.circle(left, y, 4, series_class(at))
                self.text(left + 9, y + 4, name)
                left += 26 + LETTER * len(name)

    def axis_titled(self, ruler: Ruler, title: str, y: tuple[float, float]) -> None:
        """Draw an axis in pixels with its title, whose grid spans `y`."""
        bottom = y[1]
        for value, words in ruler.scale.ticks:
            x = ruler.at(value)
            self.rule((x, x), y)
            self.text(x, bottom + 18, words, "middle")
        self.rule((ruler.start, ruler.end), (bottom, bottom), "axis")
        self.text((ruler.start + ruler.end) / 2, bottom + 40, title, "middle")

    def axis_below(self, ruler: Ruler, top: float) -> None:
        """Close a drawing in per cent with an axis, whose grid begins at `top`."""
        for x, words in ruler.ticks(MOST_TICKS):
            self.rule((x, x), (top, self.height))
            css = "tick start" if x < 8 else "tick end" if x > 92 else "tick middle"
            self.text(x if 8 <= x <= 92 else 0 if x < 8 else 100, self.height + 15, words, css)
        self.height += 20

    def references(self, ruler: Ruler, top: float, references: Sequence[Reference]) -> None:
        """Mark reference values of a drawing in per cent, each with its label in the first row."""
        for item in references:
            x = ruler.at(item.value)
            self.line((x, x), (top - 4, self.height), "mark")
            self.text(x, 11, item.label, "note end" if x > 50 else "note")

    def inline(self, caption: Caption) -> str:
        """Return an element for a page, whose style sheet colours it."""
        title, description, name = map(escape, (caption.title, caption.description, caption.id))
        return (
            f'<svg class="chart" role="img" width="100%" height="{self.height:.0f}" '
            f'aria-labelledby="{name}-t {name}-d"><title id="{name}-t">{title}</title>'
            f'<desc id="{name}-d">{description}</desc>'
            f"{''.join([*self.grid, *self.marks, *self.words])}</svg>"
        )

    def file(self, title: str) -> str:
        """Return a whole SVG file, coloured for light and for dark backgrounds."""
        size = f'width="{WIDTH}" height="{self.height:.0f}"'
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.height:.0f}" '
            f'{size} role="img" font-family="system-ui, sans-serif" font-size="{FONT}">'
        )
        name = f'<text x="16" y="24" class="title">{escape(title)}</text>'
        background = f'<rect {size} class="background"/>'
        body = [*self.grid, *self.marks, *self.words]
        title = f"<title>{escape(title)}</title>"
        return "\n".join([head, title, _style(), background, name, *body, "</svg>", ""])

    def _line(self, x: tuple[float, float], y: tuple[float, float], css: str) -> str:
        return (
            f'<line x1="{self._width(x[0])}" y1="{y[0]:.1f}" '
            f'x2="{self._width(x[1])}" y2="{y[1]:.1f}"{_class(css)}/>'
        )

    def _width(self, value: Length) -> str:
        return value if isinstance(value, str) else f"{value:.2f}{self.unit}"


def series_class(at: int) -> str:
    """Name the class that colours the series at a position."""
    return f"s{at % len(LIGHT)}"


def _class(css: str) -> str:
    return f' class="{css}"' if css else ""


def _tip(words: str) -> str:
    return f"<title>{escape(words)}</title>" if words else ""


def _style() -> str:
    """Colour a file, for a light and for a dark background."""
    return (
        f"<style>{_colours('#ffffff', '#22272e', '#d8dce2', LIGHT)} "
        ".title{font-size:15px;font-weight:600} .end{text-anchor:end} "
        ".middle{text-anchor:middle} .axis,.grid,.span{fill:none} "
        ".span{stroke-width:1.5;opacity:.6} "
        f"@media (prefers-color-scheme:dark){{{_colours('#14181d', '#e3e7ec', '#38404a', DARK)}}}"
        "</style>"
    )


def _colours(background: str, ink: str, faint: str, series: Sequence[str]) -> str:
    each = " ".join(f".s{at}{{fill:{item};stroke:{item}}}" for at, item in enumerate(series))
    return (
        f".background{{fill:{background}}} text{{fill:{ink}}} .axis{{stroke:{ink}}} "
        f".grid{{stroke:{faint}}} {each}"
    )
