"""A method's settings, declared once as the fields of a frozen dataclass.

    @dataclass(frozen=True)
    class Settings:
        bits: int = setting(4, "Width of a weight", choices=(8, 4, 3))
        alpha: float | None = setting(None, "Share of the range", valid=share, hint="0 to 1")

From the declaration follow the flags of `quantize` with their help, the fields of a sweep's matrix
and the checks of both. A kind is bool, int, float or str; a default of None means "not set".
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from itertools import chain
from typing import Any, get_args, get_type_hints

from coldforge.errors import ColdforgeError


def setting(
    default: Any,  # noqa: ANN401 - of the field's own type
    help: str,  # noqa: A002 - as Invoke calls it
    *,
    choices: tuple[Any, ...] = (),
    valid: Callable[[Any], bool] | None = None,
    hint: str = "",
    off: str = "",
) -> Any:  # noqa: ANN401 - a dataclass field
    """Declare one setting.

    `choices` lists the allowed values; `valid` checks others, and `hint` says what it allows.
    `off` names the flag that turns a setting off which is on by default.
    """
    told = {"help": help, "choices": choices, "valid": valid, "hint": hint, "off": off}
    return field(default=default, metadata=told)


def grouped() -> Any:  # noqa: ANN401 - a dataclass field
    """Declare the number of weights that share a scale."""
    return setting(128, "Weights that share a scale, -1 for a whole row")


def symmetric(default: bool = True, choices: tuple[bool, ...] = ()) -> Any:  # noqa: ANN401
    """Declare whether ranges are symmetric around zero."""
    text = "Zero points of their own for each group"
    return setting(default, text, choices=choices, off="asym")


@dataclass(frozen=True)
class Setting:
    """One setting, as one method or several declare it."""

    name: str
    kind: type
    default: Any
    help: str
    choices: tuple[Any, ...]
    valid: Callable[[Any], bool] | None
    hint: str
    off: str
    methods: tuple[str, ...]

    @property
    def parameter(self) -> str:
        """Name the parameter of the task that sets it."""
        return self.off or self.name

    @property
    def flag(self) -> str:
        """Spell it as a flag of the command line, in error messages too."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def unset(self) -> bool | int | str:
        """Return the value of the parameter where the user did not give it.

        A float is given as text, so that 0 can be told from nothing.
        """
        empty: dict[type, bool | int | str] = {bool: False, int: 0}
        return empty.get(self.kind, "")

    @property
    def description(self) -> str:
        """Describe it for --help, with the method's name where only one has it."""
        text = self.help
        if len(self.methods) == 1:
            text = f"{self.methods[0]}: {text[0].lower()}{text[1:]}"
        if self.kind is bool:
            return f"{text}."
        if self.choices:
            first = ", ".join(map(str, self.choices[:-1]))
            text = f"{text}: {first} or {self.choices[-1]}" if first else text
        return f"{text}." if self.default is None else f"{text}. Default {self.default}."

    def read(self, value: Any) -> Any:  # noqa: ANN401 - of the parameter's type
        """Convert the parameter's value; raise ColdforgeError if it is not a number."""
        if self.off:
            return not value
        if self.kind is not float:
            return value
        try:
            return float(value)
        except ValueError as error:
            raise ColdforgeError(f"{self.flag} {value} is not a number", "write 0.5") from error

    def check(self, method: str, value: Any) -> None:  # noqa: ANN401 - of its kind
        """Raise ColdforgeError for a value that the method does not take."""
        hint = f"choose: {', '.join(map(str, self.choices))}" if self.choices else self.hint
        allowed = value in self.choices if self.choices else self.valid is None or self.valid(value)
        if value is not None and not allowed:
            raise ColdforgeError(f"{method} does not take {self.flag} {value}", hint)


def declared(method: str, settings: type) -> dict[str, Setting]:
    """Return what the dataclass of a method's settings declares, by name."""
    kinds = get_type_hints(settings)
    return {
        item.name: Setting(
            item.name, _kind(kinds[item.name]), item.default, **item.metadata, methods=(method,)
        )
        for item in fields(settings)
    }


def resolve(method: str, settings: type, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in defaults for what was not asked for.

    Raise ColdforgeError for a setting the method does not have, or a value it does not take.
    """
    known = declared(method, settings)
    for name, value in asked.items():
        if name not in known:
            flag = f"--{name.replace('_', '-')}"
            own = ", ".join(known[item].flag for item in sorted(known)) or "none"
            raise ColdforgeError(f"{flag} is not for {method}", f"its own flags: {own}")
        known[name].check(method, value)
    return asdict(settings(**asked))


def merged(all_declared: Iterable[Mapping[str, Setting]]) -> dict[str, Setting]:
    """Join the settings of several methods by name: choices together, defaults where all agree.

    Raise TypeError for a name that stands for different kinds of values.
    """
    found: dict[str, list[Setting]] = {}
    for name, item in chain.from_iterable(each.items() for each in all_declared):
        found.setdefault(name, []).append(item)
    return {name: _joined(items) for name, items in found.items()}


def given(settings: Mapping[str, Setting], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that the user gave by the task's parameters, converted."""
    return {
        name: item.read(parameters[item.parameter])
        for name, item in settings.items()
        if parameters.get(item.parameter)
    }


def _kind(annotation: Any) -> type:  # noqa: ANN401 - a type, or one of `T | None`
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
    found: type = kinds[0] if kinds else annotation
    return found


def _joined(items: list[Setting]) -> Setting:
    first = items[0]
    if len({(item.kind, item.off) for item in items}) > 1:
        names = ", ".join(item.methods[0] for item in items)
        raise TypeError(f"{first.name} is declared differently by {names}")
    widest = max(items, key=lambda item: len(item.choices))
    agree = all(item.default == first.default for item in items)
    return Setting(
        first.name,
        first.kind,
        first.default if agree else None,
        first.help,
        tuple(dict.fromkeys(chain(widest.choices, *(item.choices for item in items)))),
        None,
        "",
        first.off,
        tuple(item.methods[0] for item in items),
    )
