"""How much quantising one layer damages the model, and the bits each got."""

from coldforge.report.page.formatting import form
from coldforge.report.page.model import Chart, Column, Row, Section, Table
from coldforge.report.results.gather import Found, Runs
from coldforge.report.results.model import LayerSensitivity, Quantised
from coldforge.report.results.models import Models
from coldforge.report.sections import SectionMaker

SHOWN = "4"
"""Bits at which layers are compared, if that was measured."""


def make(runs: Runs, models: Models) -> Section | None:
    """Lay out every measurement of layers."""
    measured = [item for item in runs.of(Quantised) if item.result.sensitivity]
    if not measured:
        return None
    found = Section("sensitivity", "Sensitivity", " ".join(_lead(measured, models)))
    for at, item in enumerate(measured, 1):
        table = _table(item, f"sensitivity-{at}", models.name(item.result.digest))
        found.tables.append(table)
        if chart := _chart(table, models.name(item.result.digest)):
            found.charts.append(chart)
    return found


def _lead(measured: list[Found[Quantised]], models: Models) -> list[str]:
    lead = ["Each layer's damage is the KL to the original with only that layer quantised."]
    for item in measured:
        found, name = item.result.sensitivity, models.name(item.result.digest)
        if found and found.predicted_kl is not None:
            text = f"{name}: predicted {form(found.predicted_kl, 'nats')}"
            if found.measured_kl is not None:
                text += f", measured {form(found.measured_kl, 'nats')}"
            lead.append(f"{text}.")
    return lead


def _table(item: Found[Quantised], name: str, model: str) -> Table:
    """Make a row of each layer, the most sensitive first."""
    layers = item.result.sensitivity.layers if item.result.sensitivity else []
    widths = sorted({bits for layer in layers for bits in layer.kl}, key=_number)
    columns = [
        Column("layer", "Layer"),
        Column("block", "Block"),
        Column("part", "Part"),
        Column("bits", "Bits", "count"),
        Column("size", "Bytes", "bytes"),
    ]
    columns += [
        Column(f"kl-{bits}", f"{bits} bits", "nats", group="KL, nats a token") for bits in widths
    ]
    rows: list[Row] = []
    for layer in sorted(layers, key=_damage, reverse=True):
        block, part = _split(layer.layer)
        row: Row = {"layer": layer.layer, "block": block, "part": part, "bits": layer.bits}
        row |= {"size": layer.size, **{f"kl-{bits}": layer.kl.get(bits) for bits in widths}}
        rows.append(row)
    return Table(name, f"Layers of {model}, the most sensitive first", columns, rows, folded=True)


def _chart(table: Table, model: str) -> Chart | None:
    widths = [item.key for item in table.columns if item.key.startswith("kl-")]
    if not widths:
        return None
    shown = f"kl-{SHOWN}" if f"kl-{SHOWN}" in widths else widths[0]
    title = f"{model}: KL with a layer in {shown.removeprefix('kl-')} bits, and the bits it got"
    return Chart(
        "heat", title,
        "Blocks from top to bottom, their layers side by side; stronger shades mean more damage.",
        table.id, "block", [shown], across="part", text="bits", log=True,
    )  # fmt: skip


def _damage(layer: LayerSensitivity) -> float:
    return layer.kl.get(SHOWN, max(layer.kl.values(), default=0.0))


def _split(layer: str) -> tuple[str, str]:
    """Split a layer's name at its block's number, such as model.layers.0.mlp.up_proj."""
    parts = layer.split(".")
    at = next((at for at, part in enumerate(parts) if part.isdigit()), None)
    if at is None:
        return "", layer
    return parts[at], ".".join(parts[at + 1 :])


def _number(text: str) -> tuple[int, str]:
    return (int(text) if text.isdigit() else 0, text)


SECTION = SectionMaker(order=60, make=make)
