"""What a driver author writes: one harness, which tells the kit about the driver and its live server.

::

    class TestAcme(Conformance):
        harness_type = AcmeHarness

The kit speaks to a datasource only through *calls* that the harness builds, because only the author knows how to ask
this server to return a value, to be slow, or to write. Some servers cannot do some of it. What a harness does not
offer it declares in ``absent``, with the reason; the tests that need it are then not there, and the report says so. A
part that is neither offered nor declared absent fails, and so does one that is both.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Final

import orjson

from appsmith_proxy.sdk import (
    Capability,
    Cell,
    ColumnType,
    Document,
    Driver,
    EncodedRows,
    HttpRequest,
    Parameter,
    ParameterType,
    Result,
    Statement,
    Value,
)

_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
"""Texts of the corpus have a million characters: this looks at them without a step of Python for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One payload with its values: what ``ExecuteRequest`` needs besides bounds."""

    payload: Statement | HttpRequest | Document
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueCase:
    """One row of the matrix of values: a call that answers one value, and how it must look."""

    name: str
    call: Call
    expected: Cell
    """What ``Harness.echoed`` returns for it, of exactly this Python type."""
    type: ColumnType | None = None
    """The column's type. None where answers have no columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """Something a caller might change in a session, and how to see it. The change itself may be refused."""

    name: str
    change: Call
    probe: Call
    """Its answer must be the same before and after."""


class Part(StrEnum):
    """What a harness can offer beyond the mandatory methods. ``PARTS`` says which methods make each."""

    ENDPOINT = "endpoint"
    """The datasource is reached over TCP: the kit puts a relay in between."""
    ROWS = "rows"
    """Answers are rows, as many as asked for."""
    LARGE = "large"
    """Answers can be of any size."""
    SLOW = "slow"
    """A call can keep the datasource busy."""
    ACTIVITY = "activity"
    """The datasource can say what it is running now."""
    WRITES = "writes"
    """A call can write, and another can count what was written."""
    LOG = "log"
    """The datasource keeps the texts of the statements that it was sent."""
    STATE = "state"
    """The datasource's sessions have state that a statement can try to change."""
    REFUSED = "refused"
    """The datasource refuses a payload that is wrong."""
    MISFIT = "misfit"
    """A value can fail to fit its place."""
    DUPLICATES = "duplicates"
    """Two columns of an answer can have one name."""
    SECRETS = "secrets"
    """The datasource asks for secrets, and refuses wrong ones."""
    SECRET_ECHO = "secret_echo"
    """The datasource can be made to answer with the secret that it was sent."""


PARTS: Final[Mapping[Part, Sequence[str]]] = {
    Part.ENDPOINT: ("endpoint", "configuration_at"),
    Part.ROWS: ("many_rows",),
    Part.LARGE: ("large",),
    Part.SLOW: ("slow",),
    Part.ACTIVITY: ("activity",),
    Part.WRITES: ("write", "count"),
    Part.LOG: ("statement_log",),
    Part.STATE: ("state_changes",),
    Part.REFUSED: ("refused",),
    Part.MISFIT: ("misfit",),
    Part.DUPLICATES: ("duplicates",),
    Part.SECRETS: ("secrets", "wrong_secrets"),
    Part.SECRET_ECHO: ("secret_echoes",),
}

PROOF: Final[Mapping[Capability, frozenset[Part]]] = {
    Capability.PREPARE: frozenset({Part.REFUSED}),
    Capability.READ_ONLY: frozenset({Part.WRITES}),
    Capability.CANCEL: frozenset({Part.SLOW, Part.ACTIVITY}),
    Capability.STREAMING: frozenset({Part.ROWS}),
    Capability.TRANSACTIONS: frozenset({Part.WRITES}),
    Capability.AFFECTED_LIMIT: frozenset({Part.WRITES}),
}
"""The parts without which a declared capability cannot be proven, so may not be declared."""


class Harness(ABC):
    """One driver and one live server. Made afresh for each test; cheap."""

    driver_type: ClassVar[type[Driver]]
    absent: ClassVar[Mapping[Part, str]] = {}
    """What this harness does not offer → why the datasource has no such thing."""
    echo_places: ClassVar[tuple[str, ...]] = ("value",)
    """Where a value can stand in a payload: ``echo`` is tried in each (path, query, header, body for HTTP)."""
    corpus_step: ClassVar[int] = 1
    """Each how many-th text of the corpus is tried. A driver is proven with 1, all of them; what is only looked at, such as
    the kit's own broken drivers, needs fewer."""

    def driver(self) -> Driver:
        """Return the driver. Override when it needs arguments."""
        return self.driver_type()

    @abstractmethod
    def configuration(self) -> dict[str, Any]:
        """Return the plain fields of a datasource that works."""

    def options(self) -> Mapping[str, Any]:
        """Return the operator's options that the driver is opened with."""
        return {}

    async def prepare(self) -> None:  # noqa: B027  # reason: a server may need nothing
        """Bring the server to the fixture's state. Called before each test, so it must be fast and repeatable."""

    async def release(self) -> None:  # noqa: B027  # reason: a harness may hold nothing
        """Release what the harness itself holds. Called after each test, when every Client is closed."""

    @abstractmethod
    def echo(self, text: str, *, place: str = "value") -> Call:
        """Return a read that answers ``text``, bound as a parameter of type text at the place."""

    def echoed(self, result: Result) -> Cell:
        """Return the one value that a result holds. Override for answers that are not rows."""
        rows = result.rows
        if isinstance(rows, EncodedRows):
            return next(iter(orjson.loads(rows.texts[0]).values()))
        assert rows is not None, "the call was expected to answer a row"
        return rows[0][0]

    def refuses(self, text: str, *, place: str) -> bool:
        """Return True when the datasource cannot hold the text (NUL, lone surrogates): it must then be refused."""
        return _LONE_SURROGATE.search(text) is not None

    @abstractmethod
    def value_cases(self) -> Sequence[ValueCase]:
        """Return the matrix: each type of the datasource with its ends, NULL and its oddities."""

    # Part.ENDPOINT

    def endpoint(self) -> tuple[str, int]:
        """Return the loopback address where the live server listens."""
        raise NotImplementedError

    def configuration_at(self, host: str, port: int) -> dict[str, Any]:
        """Return ``configuration()`` with the server at another address. Fields that are no destination stay."""
        raise NotImplementedError

    # Part.ROWS, Part.LARGE

    def many_rows(self, count: int) -> Call:
        """Return a read that answers so many rows, each with the numbers from 1 up in its first column."""
        raise NotImplementedError

    def large(self, size: int) -> Call:
        """Return a read whose answer has at least so many bytes, in rows of at most 1,000."""
        raise NotImplementedError

    # Part.SLOW, Part.ACTIVITY

    def slow(self, seconds: float) -> Call:
        """Return a read that keeps the datasource busy for so long."""
        raise NotImplementedError

    async def activity(self) -> int:
        """Return how many calls of the kit the datasource is working on now, as itself says."""
        raise NotImplementedError

    # Part.WRITES

    def write(self, rows: int = 1) -> Call:
        """Return a call that adds so many rows to the fixture."""
        raise NotImplementedError

    def count(self) -> Call:
        """Return a read whose ``echoed`` value is the number of rows that writes have added."""
        raise NotImplementedError

    def sneaky_writes(self) -> Sequence[Call]:
        """Return calls that write while looking like reads: a function, a CTE, a comment before the verb."""
        return ()

    # Part.LOG

    async def statement_log(self) -> Sequence[str]:
        """Return the texts of statements that the server was sent since ``prepare``, in order."""
        raise NotImplementedError

    # Part.STATE

    def state_changes(self) -> Sequence[StateChange]:
        """Return what a statement might leave behind in a session: settings, roles, temporary tables, locks."""
        raise NotImplementedError

    # Part.REFUSED, Part.MISFIT, Part.DUPLICATES

    def refused(self) -> Call:
        """Return a call that the datasource refuses as wrong. Its payload holds the word ``kit_marker``."""
        raise NotImplementedError

    def misfit(self) -> tuple[Call, int]:
        """Return a call of which one value does not fit, and that value's index. The value holds ``kit_marker``."""
        raise NotImplementedError

    def duplicates(self) -> Call:
        """Return a read with three columns, of which the first and the last have one name."""
        raise NotImplementedError

    # Part.SECRETS, Part.SECRET_ECHO

    def secrets(self) -> dict[str, str]:
        """Return the secrets that go with ``configuration``, each of at least eight characters and unusual."""
        return {}

    def wrong_secrets(self) -> dict[str, str]:
        """Return secrets that the datasource refuses, as long and unusual."""
        raise NotImplementedError

    def secret_echoes(self) -> Sequence[Call]:
        """Return calls to which the datasource answers, well or badly, with the secrets it was sent."""
        raise NotImplementedError


def statement(
    text: str,
    *parameters: ParameterType | None,
    values: Sequence[Value] = (),
    writes: bool = False,
    returns_rows: bool | None = None,
) -> Call:
    """Return a SQL call: a text with one placeholder for each parameter type.

    Args:
        text: in the driver's dialect, placeholders and casts written out.
        *parameters: the declared type of each placeholder, None for undeclared.
        values: one for each placeholder.
        writes: True when the statement may change data.
        returns_rows: False when it returns none; when not given, writes return none.
    """
    return Call(
        payload=Statement(
            text=text,
            parameters=tuple(Parameter(name=f"p{index}", type=type_) for index, type_ in enumerate(parameters)),
            writes=writes,
            returns_rows=(not writes) if returns_rows is None else returns_rows,
        ),
        values=tuple(values),
    )
