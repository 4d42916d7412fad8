"""The one error people see: what happened, and what to do about it."""


class ColdforgeError(Exception):
    """Say in one line what failed and in another what to do."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        """Keep `message` (what) and `hint` (what to do); neither ends in a newline."""
        super().__init__(message)
        self.message = message
        self.hint = hint


class UnknownNameError(ColdforgeError):
    """Refuse a name nobody defined, and list those that exist."""

    exit_code = 2

    def __init__(self, kind: str, name: str, known: list[str]) -> None:
        """Name the `kind` of thing, the unknown `name`, and every `known` one."""
        super().__init__(f"unknown {kind} '{name}'", f"known: {', '.join(sorted(known)) or 'none'}")


class MissingInputError(ColdforgeError):
    """Stop because inputs that someone must bring are not there."""

    exit_code = 3


class RefusedError(ColdforgeError):
    """Refuse what somebody brought: not signed, not whole, not what it says it is, or too old."""

    exit_code = 4


class NotFetchedError(MissingInputError):
    """Stop because the mirror lacks a file that an origin hands out."""


class UnreachableError(ColdforgeError):
    """Stop because nothing answers at the other end; later it may."""
