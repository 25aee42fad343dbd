"""Compile and fill the places of a request that are text: path, query, header, plain body.

Each place has its own rule for what a value may bring: a path binding is one segment, a header holds printable ASCII,
a query value is encoded by the driver, a plain body takes text as it is.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Final
from urllib.parse import quote, unquote

from appsmith_proxy.errors import Problem
from appsmith_proxy.model.plan import Piece, Slot, TextTemplate
from appsmith_proxy.sdk import Place
from appsmith_proxy.template.coercion import Misfit
from appsmith_proxy.template.tokenizer import Hole, pieces, position

_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_PATH_TEXT: Final = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*")
_UNRESERVED: Final = re.compile(r"[A-Za-z0-9\-_~]{1,1024}")
"""What RFC 3986 leaves as it is, but for the dot."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SEPARATORS: Final = re.compile(r"[/\\]")
_DOTS: Final = frozenset({".", ".."})
_LONGEST: Final = 32_768
_DECODINGS: Final = 4
"""Servers and proxies in a row decode more than once."""


def compile_text(
    text: str, place: Place, slot: Callable[[str], Slot], *, path: str
) -> tuple[TextTemplate, list[Problem]]:
    """Compile a text for its place. ``slot`` makes the slot of a binding."""
    parts: list[Piece] = [slot(part.name) if isinstance(part, Hole) else part for part in pieces(text)]
    problems = [
        Problem(path, message, *position(text, offset), hint=hint) for offset, message, hint in _static(text, place)
    ]
    return TextTemplate(place=place, pieces=tuple(parts)), problems


def check_header_name(name: str, *, path: str) -> Iterator[Problem]:
    """Yield what is wrong with a header's name; no binding can be in it."""
    if "{{" in name:
        yield Problem(path, "a header's name cannot be bound", hint="write the name, and bind its value")
    elif not _HEADER_NAME.fullmatch(name):
        yield Problem(path, "is no header name", hint="letters, digits and hyphens")


def encoder(place: Place) -> Callable[[str], str] | None:
    """Return what makes of a value's text what a place takes, None for a place that takes any text as it is.

    The encoder raises Misfit for a text that may not stand in its place.
    """
    return _ENCODERS.get(place)


def header_value(value: str) -> str:
    """Return a value for a part of a header's.

    Raises:
        Misfit: it is not printable ASCII.
    """
    if not _HEADER_VALUE.fullmatch(value):
        raise Misfit("printable ASCII, as headers take", "encode the value, for example as base64")
    return value


def segment(value: str) -> str:
    """Return a value percent-encoded as a part of one path segment.

    Raises:
        Misfit: it is empty, a control character is in it, or some server could read it as a step to another folder.
    """
    if _UNRESERVED.fullmatch(value):
        return value  # nothing in it is a dot, an escape, or to be encoded
    if not value:
        raise Misfit("a text that is not empty, as a path takes")
    if len(value) > _LONGEST:
        raise Misfit(f"a text of at most {_LONGEST} characters, as a path takes", "send long values in the body")
    read = value
    for _ in range(_DECODINGS):
        if _CONTROL.search(read):
            raise Misfit("a text without control characters, as a path takes")
        if _steps(read):
            raise Misfit("a text that is no dot segment, as a path takes")
        decoded = unquote(read)
        if decoded == read:
            return quote(value, safe="")
        read = decoded
    raise Misfit("a text that is not percent-encoded many times, as a path takes")


_ENCODERS: Final[Mapping[Place, Callable[[str], str]]] = {Place.URL_PATH: segment, Place.HEADER: header_value}


def _steps(text: str) -> bool:
    """Return whether some server reads a part as a step: it may fold full-width characters, and cut at ``;``."""
    parts = _SEPARATORS.split(unicodedata.normalize("NFKC", text))
    return any(part.partition(";")[0].strip() in _DOTS for part in parts)


def _static(text: str, place: Place) -> Iterator[tuple[int, str, str]]:
    """Yield what is wrong with the author's own parts of a text."""
    at = 0
    literal = ""
    for part in pieces(text):
        if isinstance(part, Hole):
            at, literal = part.end, literal + "x"
            continue
        literal += part
        if place is Place.URL_PATH:
            yield from _static_path(part, at)
        if place is Place.HEADER and not _HEADER_VALUE.fullmatch(part):
            yield at, "a header takes printable ASCII only", ""
        at += len(part)
    if place is Place.URL_PATH and not _DOTS.isdisjoint(unquote(part) for part in literal.split("/")):
        yield 0, "a path has no dot segments", "write the path that is meant"


def _static_path(part: str, offset: int) -> Iterator[tuple[int, str, str]]:
    match = _PATH_TEXT.match(part)
    end = match.end() if match else 0
    if end < len(part):
        hint = {
            "?": "write query values as rows of the query",
            "#": "a fragment is never sent",
            "\\": "separate segments with /",
        }.get(part[end], "percent-encode it")
        yield offset + end, "this character cannot stand in a path", hint
