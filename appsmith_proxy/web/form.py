"""The family's execute form: parts in any order, routed by name, put together into one call.

====================  =================================================================================
a part's name         is
====================  =================================================================================
``k0``, ``k1`` …      the value of one binding, as text
``blob:<uuid>``       the bytes of a file that a value refers to
…executeActionDTO…    what to run, as JSON (the first such part counts)
…parameterMap…        binding → ``kN``, as JSON (the first such part counts)
anything else         refused
====================  =================================================================================

A value's text becomes a JSON value by the word that the front end sends with it; what does not fit its word stays text,
and whether text fits is for the place where it is bound.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from appsmith_proxy.errors import InvalidRequest, Problem, TooLarge
from appsmith_proxy.sdk import Value
from appsmith_proxy.web.decode import decode, join
from appsmith_proxy.web.models import ExecuteMetadata
from appsmith_proxy.web.multipart import Part
from appsmith_proxy.web.parsing import parse

METADATA_PART: Final = "executeActionDTO"
MAP_PART: Final = "parameterMap"

_VALUE_NAME: Final = re.compile(r"k[0-9]+")
_BLOB_NAME: Final = re.compile(r"blob:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteForm:
    """What an execute form asks for."""

    metadata: ExecuteMetadata
    params: Mapping[str, Value]
    """By binding name. A binding without a part is not here."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """What the front end says of one value."""

    word: str = "string"
    blobs: tuple[str, ...] = ()


def read_form(parts: Sequence[Part], *, total_bytes: int) -> ExecuteForm:
    """Put the parts of an execute form together.

    Raises:
        InvalidRequest: with every problem of the form.
        TooLarge: the values with their files put in are over ``total_bytes``.
    """
    routed = _route(parts)
    if routed.metadata is None:
        raise _invalid(Problem(METADATA_PART, "is missing"))
    metadata = parse(ExecuteMetadata, decode(routed.metadata, path=METADATA_PART), path=METADATA_PART)
    bindings = _bindings(routed.bindings)
    problems = [
        Problem(name, "is not in parameterMap", hint="each value part needs an entry binding → part")
        for name in routed.values
        if name not in bindings.values()
    ]
    budget = _Budget(total_bytes)
    values: dict[str, Value] = {}
    for name, raw in routed.values.items():
        try:
            kind = _kind(metadata.param_properties.get(name))
            values[name] = _value(raw, kind, routed.blobs, budget)
        except UnicodeDecodeError:
            problems.append(Problem(name, "is not UTF-8"))
        except _KindUnreadable:
            problems.append(
                Problem(
                    join(f"{METADATA_PART}.paramProperties", name),
                    "is no type",
                    hint='write {"datatype": "string", "blobIdentifiers": []}',
                )
            )
    if problems:
        raise _invalid(*problems)
    params = {binding: values[part] for binding, part in bindings.items() if part in values}
    return ExecuteForm(metadata=metadata, params=params)


@dataclass(slots=True)
class _Routed:
    """The parts by what they are."""

    values: dict[str, bytes]
    blobs: dict[str, bytes]
    metadata: bytes | None = None
    bindings: bytes | None = None


class _KindUnreadable(Exception):
    """An entry of paramProperties is neither of the forms that front ends send."""


class _Budget:
    """What may still be put in: a short value can name a large file many times."""

    def __init__(self, total_bytes: int) -> None:
        self._left = total_bytes

    def spend(self, amount: int) -> None:
        self._left -= amount
        if self._left < 0:
            raise TooLarge("the values with their files put in are too large")


def _route(parts: Sequence[Part]) -> _Routed:
    routed = _Routed(values={}, blobs={})
    problems: list[Problem] = []
    for part in parts:
        name = part.name
        if _VALUE_NAME.fullmatch(name):
            if name in routed.values:
                problems.append(Problem(name, "came twice"))
            routed.values[name] = part.value
        elif _BLOB_NAME.fullmatch(name):
            routed.blobs[name] = part.value
        elif METADATA_PART in name:
            routed.metadata = part.value if routed.metadata is None else routed.metadata
        elif MAP_PART in name:
            routed.bindings = part.value if routed.bindings is None else routed.bindings
        else:
            problems.append(Problem(join("", name), "is not a part of an execute form"))
    if problems:
        raise _invalid(*problems)
    return routed


def _bindings(raw: bytes | None) -> Mapping[str, str]:
    """Return binding → part name. Several bindings may share a part."""
    if raw is None:
        return {}
    bindings = decode(raw, path=MAP_PART)
    if not isinstance(bindings, dict) or not all(isinstance(part, str) for part in bindings.values()):
        raise _invalid(Problem(MAP_PART, "must be an object of part names by binding"))
    return {name.strip(): part for name, part in bindings.items()}


def _kind(properties: Any) -> _Kind:
    """Read one entry of paramProperties: ``{datatype, blobIdentifiers}``, or just the type, as older clients send."""
    if properties is None:
        return _Kind()
    blobs: tuple[str, ...] = ()
    if isinstance(properties, dict) and "datatype" in properties:
        listed = properties.get("blobIdentifiers") or []
        if not isinstance(listed, list) or not all(isinstance(blob, str) for blob in listed):
            raise _KindUnreadable
        blobs = tuple(listed)
        properties = properties["datatype"]
    match properties:
        case None:
            return _Kind(blobs=blobs)
        case str():
            return _Kind(properties.lower(), blobs)
        case {"array": _}:
            return _Kind("array", blobs)
        case _:
            raise _KindUnreadable


def _value(raw: bytes, kind: _Kind, blobs: Mapping[str, bytes], budget: _Budget) -> Value:
    value = _READERS.get(kind.word, _text)(raw)
    budget.spend(len(raw))
    for blob in kind.blobs:
        if blob in blobs:
            value = _put_in(value, blob, blobs[blob].decode("latin-1"), budget)
    return value


def _put_in(value: Value, blob: str, content: str, budget: _Budget) -> Value:
    """Replace a file's id by its bytes, one character a byte, in the texts of a value that is already read."""
    match value:
        case str():
            budget.spend(value.count(blob) * len(content))
            return value.replace(blob, content)
        case list():
            return [_put_in(item, blob, content, budget) for item in value]
        case dict():
            return {name: _put_in(item, blob, content, budget) for name, item in value.items()}
        case _:
            return value


def _text(raw: bytes) -> Value:
    return raw.decode()


def _number(raw: bytes) -> Value:
    value = _decoded(raw)
    return value if _is_number(value) else raw.decode()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _boolean(raw: bytes) -> Value:
    text = raw.decode()
    return _BOOLEANS.get(text, text)


def _null(raw: bytes) -> Value:
    text = raw.decode()
    return None if text.strip().lower() in ("null", "") else text


def _decoded(raw: bytes) -> Value:
    try:
        value: Value = decode(raw)
    except InvalidRequest:
        return raw.decode()
    return value


_BOOLEANS: Final[Mapping[str, Value]] = {"true": True, "false": False}

_READERS: Final[Mapping[str, Callable[[bytes], Value]]] = {
    "number": _number,
    "boolean": _boolean,
    "null": _null,
    "object": _decoded,
    "array": _decoded,
}
"""The front end's type word → how its text is read. Every other word, ``string`` among them, is text."""


def _invalid(*problems: Problem) -> InvalidRequest:
    return InvalidRequest("the execute form cannot be accepted", details=problems)
