"""PostgreSQL's text forms of values, turned into cells as the contract wants them. Pure, and called for every cell.

Where a form would need a calendar (infinity, BC, years over 9999) it stays the database's own text.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import orjson

Decode: TypeAlias = Callable[[str], object]
"""From a value's text form to its cell."""
JsonText: TypeAlias = Callable[[str], str]
"""From a value's text form to JSON text, for values inside arrays and composites."""

_UTC: Final = ("+00", "+00:00")
_JSON_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_ITEM: Final = r'"((?:[^"\\]|\\.)*+)(?:"|\Z)|([^{}%s"]+)|([{}])'
"""What no server sends, a quote that is never closed, takes all the rest: looking for its end at each quote would be long."""
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_FIELD: Final = re.compile(r'"((?:[^"\\]|\\.|"")*)"|([^,()"]*)', re.DOTALL)
_FIELD_ESCAPED: Final = re.compile(r'\\(.)|""', re.DOTALL)
_PLAIN_TO_JSON: Final = str.maketrans({"{": "[", "}": "]"})

boolean: Final[Decode] = {"t": True, "f": False}.__getitem__


def timestamp(text: str) -> str:
    """``2020-01-31 12:00:00.5`` → ``2020-01-31T12:00:00.5``."""
    if text[10:11] == " " and text[-1] != "C":
        return f"{text[:10]}T{text[11:]}"
    return text


def timestamptz(text: str) -> str:
    """``2020-01-31 12:00:00.5+00`` → ``2020-01-31T12:00:00.5Z``. The session's time zone is UTC."""
    if text[10:11] == " " and text[-3:] == "+00":
        return f"{text[:10]}T{text[11:-3]}Z"
    return text


def timetz(text: str) -> str:
    """``12:00:00+00`` → ``12:00:00Z``; other offsets stay."""
    for offset in _UTC:
        if text.endswith(offset):
            return text[: -len(offset)] + "Z"
    return text


def json_string(text: str) -> str:
    """A text as a JSON string."""
    return orjson.dumps(text).decode()


def json_timestamp(text: str) -> str:
    """A timestamp as a JSON string, in the form that a column of it has."""
    return json_string(timestamp(text))


def json_timestamptz(text: str) -> str:
    """The same with a time zone."""
    return json_string(timestamptz(text))


def json_timetz(text: str) -> str:
    """The same for a time of day with an offset."""
    return json_string(timetz(text))


def json_number(text: str) -> str:
    """A number with its own digits; what JSON has no number for (``NaN``, ``Infinity``) as a string."""
    return text if _JSON_NUMBER.fullmatch(text) else json_string(text)


def json_boolean(text: str) -> str:
    """``t`` → ``true``."""
    return "true" if text == "t" else "false"


def json_array(element: JsonText, *, plain: bool, delimiter: str) -> JsonText:
    """Return the decoder of an array as JSON text.

    Args:
        element: from an element's text form to JSON text.
        plain: elements are numbers, whose text form is mostly JSON already.
        delimiter: stands between elements; a comma for all types but ``box``.
    """
    item = re.compile(_ITEM % re.escape(delimiter), re.DOTALL)

    def decode(text: str) -> str:
        if text[0] == "[":  # explicit bounds, as in [0:1]={1,2}, have no place in JSON
            text = text[text.index("=") + 1 :]
        if plain and "N" not in text and "I" not in text:
            return text.translate(_PLAIN_TO_JSON)
        parts: list[str] = []
        for match in item.finditer(text):
            quoted, bare, brace = match.groups()
            if brace == "}":
                parts.append("]")
                continue
            if parts and parts[-1] != "[":
                parts.append(",")
            if brace:
                parts.append("[")
            elif quoted is not None:
                parts.append(element(_ESCAPED.sub(r"\1", quoted)))
            else:
                parts.append("null" if bare == "NULL" else element(bare))
        return "".join(parts)

    return decode


def json_composite(attributes: Sequence[tuple[str, JsonText]]) -> JsonText:
    """Return the decoder of a composite, ``(1,"a b",)``, as a JSON object.

    Args:
        attributes: name, and from text form to JSON text, in the type's order.
    """
    keys = [json_string(name) for name, _ in attributes]

    def decode(text: str) -> str:
        values: list[str] = []
        position = 1
        for key, (_, to_json) in zip(keys, attributes, strict=True):
            match = _FIELD.match(text, position)
            if match is None:
                break
            quoted, bare = match.groups()
            if quoted is not None:
                value = to_json(_FIELD_ESCAPED.sub(lambda found: found.group(1) or '"', quoted))
            else:
                value = to_json(bare) if bare else "null"
            values.append(f"{key}:{value}")
            position = match.end() + 1
        return "{" + ",".join(values) + "}"

    return decode
