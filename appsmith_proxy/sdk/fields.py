"""Configuration as rows: one table from which validation, JSON Schema, forms, docs and sealing are made."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


class FieldType(StrEnum):
    """What a field holds."""

    TEXT = "text"
    MULTILINE = "multiline"
    """Text over several lines: a certificate, a statement."""
    INTEGER = "integer"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    HOST = "host"
    """A host name or IP literal, no scheme, port, path or white space."""
    PORT = "port"
    URL = "url"
    """An absolute http(s) URL without user info and fragment."""
    MAP = "map"
    """An object of texts by name. With ``secret`` each value is sealed by itself, as ``field.name``."""
    PAIRS = "pairs"
    """A list of ``{"name", "value"}``, in order; names may repeat."""
    STEPS = "steps"
    """A list of ``{"name", "body"}``: statements that run one after the other in one transaction. Names are unique words."""


class Place(StrEnum):
    """Where a part of an action stands, and so how a binding in it is treated."""

    SQL = "sql"
    JSON = "json"
    URL_PATH = "url_path"
    QUERY = "query"
    HEADER = "header"
    TEXT = "text"
    NONE = "none"
    """No bindings: ``{{`` in it is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One row of a datasource's configuration."""

    name: str
    """``lowerCamelCase``; the key in ``configuration``."""
    type: FieldType
    label: str
    help: str = ""
    default: Any = None
    required: bool = False
    secret: bool = False
    """Sealed, write-only. It never reaches ``validate`` and comes to ``open`` as a ``Secret``."""
    destination: bool = False
    """Part of where secrets are sent: changing it needs them again."""
    choices: tuple[str, ...] = ()
    ordered: bool = False
    """``choices`` run from weakest to strongest: a change to a later one does not count as a new destination."""
    minimum: int | None = None
    maximum: int | None = None
    max_length: int = 4096
    """Characters of a text; for maps and pairs, of each value."""
    shown_when: tuple[str, tuple[str, ...]] | None = None
    """(other field, its values) under which this row applies. ``required`` counts only then; elsewhere a value is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionField(Field):
    """One row of an action's configuration. Two rows may share a name if their ``shown_when`` exclude each other."""

    place: Place = Place.NONE


# What a field may hold, said once: ``field_checks`` refuses by it, ``field_schema`` tells it.
HOST: Final = re.compile(r"[^\s/@?#\\\x00-\x20\x7f]+")
URL: Final = re.compile(r"https?://[^\s/@?#\\\x00-\x20\x7f]+(/[^\s?#\\\x00-\x20\x7f]*)?")
ENTRY_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}")
"""Of an entry of a map; a header's name is one."""
STEP_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
MAX_ENTRIES: Final = 64
"""Of a map or of pairs."""
MAX_STEPS: Final = 20


def rows_in_force(fields: Iterable[Field], configuration: Mapping[str, Any]) -> Iterator[Field]:
    """Yield the rows whose ``shown_when`` holds, given the other values (or their defaults)."""
    rows = list(fields)
    defaults = {row.name: row.default for row in rows}
    for row in rows:
        if row.shown_when is None:
            yield row
            continue
        other, values = row.shown_when
        if configuration.get(other, defaults.get(other)) in values:
            yield row
