"""What goes to a driver: a payload without values, the values beside it, and the bounds of the execution."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeAlias

from appsmith_proxy.sdk.fields import Place
from appsmith_proxy.sdk.nouns import Noun
from appsmith_proxy.sdk.results import Reported

Scalar: TypeAlias = bool | int | float | str | bytes | None
Value: TypeAlias = Scalar | list["Value"] | dict[str, "Value"]
"""A bound value. Numbers with a fraction may also come as ``decimal.Decimal`` with the caller's own digits."""


class ParameterType(StrEnum):
    """The types a parameter can be declared with. ``identifier`` and ``keyword`` choose a statement, not a value."""

    TEXT = "text"
    INTEGER = "integer"
    BIGINT = "bigint"
    DECIMAL = "decimal"
    FLOAT = "float"
    BOOLEAN = "boolean"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    UUID = "uuid"
    JSON = "json"
    BYTES = "bytes"
    OBJECT = "object"
    """A row of ``INSERT … VALUES {{rows}}``, always in a list; its fields are declared too."""
    IDENTIFIER = "identifier"
    KEYWORD = "keyword"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One placeholder occurrence of a statement, in order."""

    name: str
    """The binding as the author wrote it, trimmed. For messages to editors; never sent."""
    type: ParameterType | None
    """The declared type, already written into the text as a cast where the dialect has one; None: the server decides."""
    place: Place = Place.SQL
    is_list: bool = False
    """The value is a list that fills one placeholder (``= ANY($1)``, ``json_each(?1)``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One text without values. Frozen and hashable by digest: the key of prepared-statement caches."""

    text: str
    parameters: tuple[Parameter, ...] = ()
    returns_rows: bool = True
    """False when the compiler knows that the statement's class returns no rows (INSERT without RETURNING …)."""
    writes: bool = False
    """True when the statement's class may change data."""
    digest: str = field(default="", compare=False)
    """SHA-256 of the text, hex. Filled in when left empty."""

    def __post_init__(self) -> None:
        if not self.digest:
            object.__setattr__(self, "digest", hashlib.sha256(self.text.encode()).hexdigest())

    def __hash__(self) -> int:
        return hash(self.digest)


class HttpRequest(Noun, frozen=True, kw_only=True):
    """An HTTP request whose parts were encoded for the place where they stand. Never a scheme, host or port."""

    method: str
    path: str = ""
    """Percent-encoded, relative to the datasource's base URL; no dot segments come from values."""
    query: tuple[tuple[str, str], ...] = ()
    """Decoded pairs; the driver encodes them."""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    form: tuple[tuple[str, str], ...] | None = None
    """Pairs of a form or multipart body; ``body_type`` says which."""
    body_type: str = "none"
    """``none | json | text | form | multipart``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One bound value in a ``Document``: the driver makes of it what its datasource has for the type."""

    name: str
    """The binding, for messages."""
    type: ParameterType | None = None
    """As declared; None: undeclared, so the value's JSON type decides."""
    value: Any = None
    """Coerced to the type; a list of such values for a list. JSON is parsed, fractions are ``decimal.Decimal``."""
    wildcards: bool = False
    """The author lets the value be a pattern where patterns stand."""
    bound: bool = True
    """False when an action is only checked (``Driver.check_action``): there is no value yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A text of a ``Document`` with bound values inside, each as its own text."""

    parts: tuple[str | Leaf, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """An action as a tree: what the author wrote, with ``Leaf`` and ``Joined`` where bindings stand. Never in a key."""

    fields: Mapping[str, Any]
    """By action field. JSON fields hold their trees."""


def plain_tree(node: Any) -> Any:
    """Return a document's tree with each bound value as itself: for drivers whose datasource has JSON's types only."""
    match node:
        case Leaf():
            return node.value
        case Joined():
            return "".join(part if isinstance(part, str) else str(part.value) for part in node.parts)
        case Mapping():
            return {key: plain_tree(value) for key, value in node.items()}
        case list() | tuple():
            return [plain_tree(value) for value in node]
        case _:
            return node


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one answer. Reaching one sets ``Result.truncated``; it is not an error."""

    rows: int = 50_000
    bytes: int = 5 * 1024 * 1024
    """Bound of the answer's size, measured on the values as the driver reads them."""
    affected: int | None = None
    """A write that changes more rows than this is rolled back and raises ``AffectedLimitExceeded`` (AFFECTED_LIMIT)."""


NO_LIMITS: Final = Limits()


class ExecuteRequest(Noun, frozen=True, kw_only=True):
    """One execution. The driver sends the payload and the values, and nothing else. It changes nothing in here."""

    payload: Statement | Document | HttpRequest
    values: tuple[Value, ...] = ()
    """One value for each of ``Statement.parameters``, in order. Empty for the other payloads."""
    read_only: bool = False
    limits: Limits = NO_LIMITS
    deadline: float
    """Absolute, on ``asyncio.get_running_loop().time()``'s clock, seconds."""
    encode: bool = True
    """False switches a driver's own row encoding off (``EncodedRows``); the rows must be the same either way."""
    scope: str = ""
    """Executions of equal, non-empty scope are of one published action and caller-independent: the only ones between
    which a driver may skip the reset of session state, and then only on catalog facts (see ``docs/explanation``)."""
    reported: Reported | None = None
    """What prepare reported of the statement when its action was published. A driver that prepares before it runs raises
    ``PlanStale`` (``not_sent``) when it finds anything else; the proxy itself compares the columns of what was read."""
