"""What every error of ours has: a code, an origin, and texts that are safe to show."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class Origin(StrEnum):
    """Whose fault an error is."""

    CALLER = "caller"
    DATASOURCE = "datasource"
    DRIVER = "driver"
    PROXY = "proxy"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where."""

    path: str
    """Dotted path of the field (``configuration.host``, ``params.id``), or ``""`` for the whole."""
    message: str
    line: int | None = None
    """One-based line in a template, where the problem stands in one."""
    column: int | None = None
    """One-based column in a template."""
    hint: str = ""
    """What would work instead."""

    def as_json(self) -> dict[str, object]:
        """Return the problem as the API shows it: empty parts left out."""
        parts = {
            "path": self.path,
            "message": self.message,
            "line": self.line,
            "column": self.column,
            "hint": self.hint or None,
        }
        return {key: value for key, value in parts.items() if value is not None}


class ProxyError(Exception):
    """Everything this system raises on purpose. ``message`` says what and where, ``hint`` what to do."""

    origin: ClassVar[Origin] = Origin.PROXY
    title: ClassVar[str] = "The proxy failed"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "", details: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details

    @property
    def code(self) -> str:
        """The stable code: the name of the class."""
        return type(self).__name__

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    __repr__ = __str__


def all_errors(root: type[ProxyError] = ProxyError) -> Iterator[type[ProxyError]]:
    """Yield every class of this package's tree, parents first: the table of codes. What others derive from it is not in it."""
    yield root
    for child in root.__subclasses__():
        if child.__module__.rpartition(".")[0] == __package__:
            yield from all_errors(child)
