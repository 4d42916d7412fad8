"""Errors shown to people: what happened, and what to do."""


class ColdforgeError(Exception):
    """An error with a one-line message and a hint."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        """Set `message`, what happened, and `hint`, what to do; one line each."""
        super().__init__(message)
        self.message = message
        self.hint = hint


class UnknownNameError(ColdforgeError):
    """An unknown name; the hint lists the known ones."""

    exit_code = 2

    def __init__(self, kind: str, name: str, known: list[str]) -> None:
        """Report the unknown `name` of a `kind` of thing, and every `known` one."""
        super().__init__(f"unknown {kind} '{name}'", f"known: {', '.join(sorted(known)) or 'none'}")


class MissingInputError(ColdforgeError):
    """Inputs that the user must provide are missing."""

    exit_code = 3


class RefusedError(ColdforgeError):
    """Something received is refused: not signed, damaged, forged, or too old."""

    exit_code = 4


class NotFetchedError(MissingInputError):
    """The mirror lacks a file that can be fetched from an origin."""


class UnreachableError(ColdforgeError):
    """A server does not answer; a later attempt may succeed."""
