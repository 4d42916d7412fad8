"""The inputs by digest: images, checkpoints, engines, calibration sets, versions."""

from collections.abc import Iterator

from coldforge.report.page.model import Column, Row, Section, Table
from coldforge.report.results.engine import Bench, BenchedEngine, BuiltEngine
from coldforge.report.results.gather import Runs
from coldforge.report.results.model import Quantised
from coldforge.report.results.models import Models
from coldforge.report.sections import SectionMaker


def make(runs: Runs, models: Models) -> Section | None:
    """List every digest that the results name, and the versions of libraries."""
    tables = [_images(runs), _models(models), _engines(runs, models), _calibrations(runs)]
    tables += [_versions(runs)]
    found = [table for table in tables if table.rows]
    lead = "Digests are sha256. A checkpoint's covers its tensors, an engine's all its files."
    return Section("provenance", "Provenance", lead, tables=found) if found else None


def _images(runs: Runs) -> Table:
    used: dict[str, list[str]] = {}
    for item in runs.results:
        if item.result.image:
            used.setdefault(item.result.image, []).append(item.task)
    rows: list[Row] = [
        {"image": image, "tasks": ", ".join(dict.fromkeys(tasks))} for image, tasks in used.items()
    ]
    columns = [Column("image", "Image", "digest"), Column("tasks", "Ran in it")]
    return Table("images", "Images", columns, rows)


def _models(models: Models) -> Table:
    columns = [
        Column("model", "Checkpoint"),
        Column("digest", "Digest", "digest"),
        Column("disk", "On disk", "bytes"),
        Column("how", "How it was made"),
        Column("original", "Made from"),
    ]
    rows: list[Row] = [
        {
            "model": model.name,
            "digest": model.digest,
            "disk": model.disk_bytes,
            "how": model.how or None,
            "original": models.name(model.original) or None,
        }
        for model in models.values()
    ]
    return Table("checkpoints", "Checkpoints", columns, rows)


def _engines(runs: Runs, models: Models) -> Table:
    columns = [
        Column("engine", "Engine"),
        Column("digest", "Digest", "digest"),
        Column("backend", "Backend"),
        Column("precision", "Precision"),
        Column("commit", "Commit", "digest"),
        Column("checkpoint", "Made from"),
        Column("disk", "On disk", "bytes"),
    ]
    rows: dict[str, Row] = {}
    for name, item in _built(runs):
        if item["digest"]:
            made_from = models.name(str(item.pop("checkpoint") or "")) or None
            rows.setdefault(str(item["digest"]), {"engine": name, "checkpoint": made_from, **item})
    known = [item for item in columns if any(row.get(item.key) for row in rows.values())]
    return Table("engines", "Engines", known, list(rows.values()))


def _built(runs: Runs) -> Iterator[tuple[str, Row]]:
    measured: list[tuple[str, BenchedEngine | BuiltEngine]]
    measured = [(engine.name, engine) for item in runs.of(Bench) for engine in item.result.engines]
    built = [
        (item.name.removeprefix("engine.build-"), item.result) for item in runs.of(BuiltEngine)
    ]
    for name, engine in [*measured, *built]:
        release = f" {engine.release}" if isinstance(engine, BuiltEngine) and engine.release else ""
        yield (
            name,
            {
                "digest": engine.digest,
                "backend": f"{engine.backend}{release}",
                "precision": engine.precision,
                "commit": engine.commit if isinstance(engine, BuiltEngine) else None,
                "checkpoint": engine.checkpoint,
                "disk": engine.disk_bytes,
            },
        )


def _calibrations(runs: Runs) -> Table:
    columns = [
        Column("name", "Calibration"),
        Column("digest", "Digest", "digest"),
        Column("samples", "Windows", "count"),
        Column("length", "Tokens each", "count"),
        Column("tokenizer", "Tokenizer", "digest"),
    ]
    rows: dict[str, Row] = {}
    for item in runs.of(Quantised):
        calibration = item.result.calibration
        if calibration and calibration.digest:
            rows[calibration.digest] = {
                "name": calibration.corpus or calibration.way,
                "digest": calibration.digest,
                "samples": calibration.samples,
                "length": calibration.length,
                "tokenizer": calibration.tokenizer,
            }
    return Table("calibrations", "Calibration sets", columns, list(rows.values()))


def _versions(runs: Runs) -> Table:
    """List each library's version; several if results differ."""
    known: dict[str, dict[str, list[str]]] = {}
    for item in runs.results:
        for library, version in item.result.versions.items():
            known.setdefault(library, {}).setdefault(str(version), []).append(item.task)
    rows: list[Row] = [
        {"library": library, "version": version, "tasks": ", ".join(dict.fromkeys(tasks))}
        for library, found in sorted(known.items())
        for version, tasks in sorted(found.items())
    ]
    columns = [
        Column("library", "Library"),
        Column("version", "Version"),
        Column("tasks", "Computed"),
    ]
    return Table("versions", "Versions", columns, rows)


SECTION = SectionMaker(order=100, make=make)
