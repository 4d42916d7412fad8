"""An SVG as wide as the page: x in per cent, y in pixels; classes are coloured by the page."""

from dataclasses import dataclass, field
from html import escape

from coldforge.charts.axis import Axis, Scale
from coldforge.report.page.formatting import SUPERSCRIPT, minus
from coldforge.report.page.model import Chart, Row, Table, Value

UNITS = {
    "share": (0.01, "{:g} %"),
    "change": (0.01, "{:+g} %"),
    "memory": (2.0**30, "{:g} GiB"),
    "times": (1.0, "{:g}\N{MULTIPLICATION SIGN}"),
}
"""What an axis counts in, and how its ticks are written, by the kind of value."""
LETTER, NARROW = 6.6, 300.0
"""Pixels: a mean letter, and the narrowest picture in which words must not collide."""
MOST_TICKS = 6
TINY = 1e-100
"""What is smaller is drawn as nothing."""


def figure(value: Value) -> float | None:
    """Return a number to draw; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) > TINY else 0.0


def figures(rows: list[Row], keys: list[str]) -> list[float]:
    """List all numbers of some columns."""
    return [value for row in rows for key in keys if (value := figure(row.get(key))) is not None]


@dataclass(frozen=True)
class Ruler:
    """An axis across the sheet."""

    scale: Scale
    unit: float
    shape: str
    edge: float
    """Per cent left free at both ends, so that a dot there is whole."""

    def at(self, value: float) -> float:
        """Place a value, in per cent of the width."""
        return self.edge + (100 - 2 * self.edge) * self.scale.at(value / self.unit)

    def ticks(self) -> list[tuple[float, str]]:
        """List places and words of a few ticks."""
        every = -(-len(self.scale.ticks) // MOST_TICKS)
        return [
            (self.at(value * self.unit), self._word(value, text))
            for value, text in self.scale.ticks[::every]
        ]

    def _word(self, value: float, text: str) -> str:
        if text == "0":
            return text
        if self.scale.log and value < 1e-3:
            digits, power = f"{value:.0e}".split("e")
            raised = f"10{str(int(power)).translate(SUPERSCRIPT)}"
            return raised if digits == "1" else f"{digits}·{raised}"
        return minus(self.shape.format(round(value, 9) + 0.0))


def ruler(values: list[float], kind: str, log: bool = False, edge: float = 0.0) -> Ruler:
    """Lay an axis along values of a kind."""
    unit, shape = UNITS.get(kind, (1.0, "{:,g}"))
    return Ruler(Axis("", log).scale([value / unit for value in values]), unit, shape, edge)


@dataclass
class Sheet:
    """A picture as it grows downwards."""

    chart: Chart
    table: Table
    height: float = 0.0
    under: list[str] = field(default_factory=list)
    """Lines of the grid."""
    parts: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    """Text, which stands above all else."""

    @property
    def name(self) -> str:
        """Name the picture among those of a page."""
        return f"{self.table.id}-{self.chart.kind}-{self.chart.values[0]}"

    def text(self, x: float, y: float, words: str, look: str = "", shift: float = 0) -> None:
        """Write words whose baseline is y; right of the middle they end at x."""
        moved = f' dx="{shift:g}"' if shift else ""
        self.words.append(
            f'<text x="{x:.2f}%" y="{y:.1f}"{moved} class="{look}">{escape(words)}</text>'
        )

    def rect(self, x: float, y: float, size: tuple[float, float], look: str, tip: str = "") -> None:
        """Draw a bar of (per cent, pixels)."""
        said = f"<title>{escape(tip)}</title></rect>" if tip else "</rect>"
        self.parts.append(
            f'<rect x="{x:.2f}%" y="{y:.1f}" width="{max(0.0, size[0]):.2f}%" '
            f'height="{size[1]:.1f}" class="{look}">{said}'
        )

    def line(self, x: tuple[float, float], y: tuple[float, float], look: str) -> None:
        """Draw from one place to another."""
        self.parts.append(
            f'<line x1="{x[0]:.2f}%" y1="{y[0]:.1f}" x2="{x[1]:.2f}%" y2="{y[1]:.1f}" '
            f'class="{look}"/>'
        )

    def grid(self, top: float, along: Ruler) -> None:
        """Close the picture with an axis; its lines begin at `top`."""
        for x, words in along.ticks():
            self.under.append(
                f'<line x1="{x:.2f}%" y1="{top:.1f}" x2="{x:.2f}%" y2="{self.height:.1f}" '
                'class="grid"/>'
            )
            look = "tick start" if x < 8 else "tick end" if x > 92 else "tick middle"
            self.text(x if 8 <= x <= 92 else 0 if x < 8 else 100, self.height + 15, words, look)
        self.height += 20

    def svg(self) -> str:
        """Return the picture."""
        title, says, name = map(escape, (self.chart.title, self.chart.says, self.name))
        return (
            f'<svg class="chart" role="img" width="100%" height="{self.height:.0f}" '
            f'aria-labelledby="{name}-t {name}-d"><title id="{name}-t">{title}</title>'
            f'<desc id="{name}-d">{says}</desc>'
            f"{''.join([*self.under, *self.parts, *self.words])}</svg>"
        )
