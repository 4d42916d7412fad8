"""The matrix of a sweep: models, methods and backends, in a TOML file."""

from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from coldforge.engine.backend import BuildsOnHost, backends, complete
from coldforge.engine.bench.plan import Measuring, parse_grid
from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.evaluate.evaluate import LIMIT
from coldforge.experiments.survey.evaluation import EvaluationProtocol
from coldforge.experiments.survey.survey import name_models
from coldforge.model.card_facts import WINDOW
from coldforge.quantize.blockwise.prune import share
from coldforge.quantize.methods.method import Variant
from coldforge.quantize.registry import all_settings, settings_of
from coldforge.tomlfile import read_toml

Count = Annotated[int, msgspec.Meta(ge=1)]
FLOAT32 = "float32"
M = TypeVar("M")


class SweepBackend(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What runs an engine, and in which arithmetic."""

    backend: str
    activations: str = FLOAT32

    @property
    def name(self) -> str:
        """Name it for people and folders."""
        plain = self.activations == FLOAT32
        return self.backend if plain else f"{self.backend}-{self.activations}"

    def options(self) -> dict[str, str]:
        """List what is asked of the backend besides its defaults."""
        return {} if self.activations == FLOAT32 else {"activations": self.activations}


class Calibrating(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Calibration data: a text or a frozen set, relative to the file."""

    text: str = ""
    samples: Count | None = None
    length: Count | None = None
    seed: int = 0


class _Evaluating(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str = ""
    window: Count = WINDOW
    limit: Count = LIMIT


class Benching(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How engines are measured: lengths in and out, "128,64;64,128", and repetitions."""

    grid: str = "128,128"
    batch_size: Count = Measuring.batch_size
    repeats: Count = Measuring.repeats
    warmup: Annotated[int, msgspec.Meta(ge=0)] = Measuring.warmup
    threads: Annotated[int, msgspec.Meta(ge=0)] = Measuring.threads

    def asked(self) -> Measuring:
        """Convert it to what `bench` takes."""
        return Measuring(**msgspec.structs.asdict(self))


class _MatrixFile(msgspec.Struct, Generic[M], frozen=True, forbid_unknown_fields=True):
    models: Annotated[list[str], msgspec.Meta(min_length=1)]
    methods: Annotated[list[str | M], msgspec.Meta(min_length=1)]
    backends: list[str | SweepBackend] = []
    calibration: Calibrating = Calibrating()
    evaluate: _Evaluating = _Evaluating()
    bench: Benching = Benching()


class Matrix(msgspec.Struct, frozen=True):
    """The models, variants and backends of a sweep; all paths are absolute."""

    models: dict[str, Path]
    variants: list[Variant]
    backends: list[SweepBackend]
    calibration: Calibrating
    evaluation: EvaluationProtocol
    bench: Benching

    def reads(self) -> list[Path]:
        """List what a sweep reads besides the matrix itself."""
        texts = (self.calibration.text, self.evaluation.text)
        return [*self.models.values(), *(Path(text) for text in texts if text)]


def read_matrix(path: Path) -> Matrix:
    """Read a matrix; raise ColdforgeError or UnknownNameError for what is wrong in it."""
    shape: Any = _MatrixFile  # of a method's table, which is known only now
    found: _MatrixFile[Any] = read_toml(path, shape[_method_table()])
    base = path.resolve().parent
    engines = [SweepBackend(item) if isinstance(item, str) else item for item in found.backends]
    _check(engines)
    parse_grid(found.bench.grid)
    calibration = msgspec.structs.replace(
        found.calibration, text=_absolute(base, found.calibration.text)
    )
    evaluate = found.evaluate
    matrix = Matrix(
        name_models([str(base / model) for model in found.models], ()),
        [_variant(item) for item in found.methods],
        engines,
        calibration,
        EvaluationProtocol(_absolute(base, evaluate.text), evaluate.window, evaluate.limit),
        found.bench,
    )
    _refuse_duplicates([item.name for item in matrix.variants], "methods", path)
    _refuse_duplicates([engine.name for engine in engines], "backends", path)
    for place in matrix.reads():
        if not place.exists():
            raise ColdforgeError(
                f"{path.name} names {place}, which does not exist", f"correct {path}"
            )
    return matrix


def _method_table() -> Any:  # noqa: ANN401 - a struct type
    """Make the type of a method's table: its name, the settings that methods declare, pruning."""
    settings = [(name, item.kind | None, None) for name, item in all_settings().items()]
    return msgspec.defstruct(
        "Method",
        [("method", str), *settings, ("prune", str, "")],
        frozen=True,
        forbid_unknown_fields=True,
        omit_defaults=True,
    )


def _variant(item: Any) -> Variant:  # noqa: ANN401 - a name or a method's table
    """Name a method by its settings; raise for a setting that is not its own."""
    asked: dict[str, Any] = {"method": item} if isinstance(item, str) else msgspec.to_builtins(item)
    method, prune = asked.pop("method"), asked.pop("prune", "")
    settings_of(method, asked)
    parts = [method, *(_spell(name, value) for name, value in asked.items())]
    if prune:
        share(prune)
        parts.append(f"pruned{prune.replace(':', 'of')}")
    return Variant("-".join(parts), method, asked, prune)


def _spell(setting: str, value: object) -> str:
    """Write a setting as a part of a name: bits8, act_order, not_sym, static."""
    if isinstance(value, bool):
        return setting if value else f"not_{setting}"
    return value if isinstance(value, str) else f"{setting}{value}"


def _check(asked: list[SweepBackend]) -> None:
    known = {name: one for name, one in backends().items() if not isinstance(one, BuildsOnHost)}
    for item in asked:
        if item.backend not in known:
            raise UnknownNameError("backend of a sweep", item.backend, list(known))
        chosen = known[item.backend]
        chosen.check(complete(chosen, item.options()))


def _refuse_duplicates(names: list[str], what: str, path: Path) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ColdforgeError(f"{path.name}: two {what} are {name}", f"remove one from {path}")


def _absolute(base: Path, text: str) -> str:
    return str((base / text).resolve()) if text else ""
