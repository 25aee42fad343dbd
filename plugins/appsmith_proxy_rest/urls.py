"""URLs as they stand on the wire: built from checked parts, and checked again when built.

A request keeps the base URL's origin and path prefix, whatever a value holds: dot segments are refused in every
spelling that some server reads as one (``%2e``, twice encoded, ``..;x``, behind an encoded slash, full-width).
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import quote, unquote, urljoin, urlsplit

from appsmith_proxy.sdk import BadResponse, Outcome, ParameterInvalid, StatementInvalid

LONGEST_TARGET: Final = 32_768
"""Of path and query; servers take 8,000 or more."""

_PORTS: Final = {"http": 80, "https": 443}
_PATH: Final = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*")
_TARGET: Final = re.compile(r"/[!-\"$->@-~]*(?:\?[!-\"$-~]*)?")
"""An origin-form target (RFC 9112 §3.2.1): printable ASCII, no fragment, one question mark that parts path and query."""
_HOST: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=%-]+|[0-9A-Fa-f:.]+")
_PLAIN_PATH: Final = re.compile(r"(?:[A-Za-z0-9\-_~!$&'()*+,;=:@]++/)*+[A-Za-z0-9\-_~!$&'()*+,;=:@]*+")
"""A path that nothing can be wrong with: no empty segment, and none has what those have that mean another place, a dot or
an escape that may be one."""
_UNRESERVED: Final = re.compile(r"[A-Za-z0-9\-._~]*")
_PRINTABLE: Final = "".join(map(chr, range(0x21, 0x7F)))
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SEPARATORS: Final = re.compile(r"[/\\]")
_DECODINGS: Final = 4


class Origin(NamedTuple):
    """Where a URL leads: credentials never leave it."""

    scheme: str
    host: str
    """Lower case, an IPv6 literal without brackets."""
    port: int

    @property
    def authority(self) -> str:
        """Host and port, as the Host header says them: an IPv6 literal in brackets, the usual port left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(slots=True, kw_only=True)
class Url:
    """An absolute URL, taken apart. ``path`` and ``query`` are percent-encoded."""

    origin: Origin
    path: str
    query: str = ""

    @property
    def text(self) -> str:
        """The URL as one text."""
        return f"{self.origin.scheme}://{self.origin.authority}{self.target}"

    @property
    def target(self) -> str:
        """Path and query, as the request line says them."""
        return f"{self.path}?{self.query}" if self.query else self.path


def parse_url(text: str) -> Url:
    """Take an absolute URL apart; a fragment is dropped.

    Raises:
        ValueError: with a sentence that does not quote the URL.
    """
    if not text.isascii() or _CONTROL.search(text) or " " in text or "\\" in text:
        raise ValueError("a URL is ASCII without spaces and backslashes; write an international host in punycode")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("a URL's port is a number from 1 to 65535, and an IPv6 address stands in brackets") from None
    if parts.scheme not in _PORTS:
        raise ValueError("a URL starts with http:// or https://")
    if "@" in parts.netloc:
        raise ValueError("a URL holds no user name and no password: use the fields for authentication")
    if not parts.hostname or port == 0:
        raise ValueError("a URL needs a host, and its port is a number from 1 to 65535")
    origin = Origin(parts.scheme, parts.hostname, port or _PORTS[parts.scheme])
    return Url(origin=origin, path=parts.path or "/", query=parts.query)


def parse_base(text: str) -> Url:
    """Take a base URL apart.

    Raises:
        ValueError: it is not one; the sentence does not quote it.
    """
    url = parse_url(text)
    if url.query:
        raise ValueError("a base URL has no query: use the field for query values")
    problem = _path_problem(url.path.removeprefix("/"))
    if problem:
        raise ValueError(f"the base URL's path {problem}")
    return url


def below(base: Url, path: str, query: Sequence[tuple[str, str]]) -> Url:
    """Return the URL of ``path`` below the base.

    Args:
        base: as ``parse_base`` gave it.
        path: percent-encoded, relative; a slash in front is optional.
        query: decoded pairs; encoded here.

    Raises:
        StatementInvalid: the path would leave the base, or holds what a path cannot hold.
        ParameterInvalid: path and query are too long.
    """
    relative = path.removeprefix("/")
    plain = "".join(map("".join, query))
    if len(relative) + len(plain) > LONGEST_TARGET:  # before they cost anything
        raise _too_long()
    problem = _path_problem(relative)
    if problem:
        raise StatementInvalid(
            f"the action's path {problem}",
            hint="Write a plain path; a binding fills one segment, encoded.",
            outcome=Outcome.NOT_SENT,
        )
    full = f"{base.path.rstrip('/')}/{relative}" if relative else base.path
    if not _UNRESERVED.fullmatch(plain):
        query = [(quote(name, safe=""), quote(value, safe="")) for name, value in query]
    encoded = "&".join(map("=".join, query))
    if len(full) + len(encoded) > LONGEST_TARGET:
        raise _too_long()
    return Url(origin=base.origin, path=full, query=encoded)


def is_below(base: Url, url: Url) -> bool:
    """Return whether a URL has the base's origin and path prefix."""
    prefix = base.path.rstrip("/")
    inside = url.path == prefix or url.path.startswith(f"{prefix}/")
    return url.origin == base.origin and inside and not any(map(_steps_out, url.path.split("/")))


def redirected(url: Url, location: str) -> Url:
    """Return where a redirect leads.

    Raises:
        BadResponse: not to an http(s) URL, or from https to http.
    """
    try:
        encoded = quote(location, safe=_PRINTABLE, errors="surrogateescape")
        target = parse_url(urljoin(url.text, encoded))
    except ValueError:
        raise BadResponse("the upstream redirects to something that is no http(s) URL") from None
    if url.origin.scheme == "https" and target.origin.scheme == "http":
        raise BadResponse("the upstream redirects from https to http, which is not followed")
    return target


def first_lines(method: str, url: Url) -> str:
    """Return the request line and the Host header.

    Raises:
        StatementInvalid: a part of the URL holds what cannot stand there; whatever made it, it is not sent.
    """
    target, origin = url.target, url.origin
    if not _TARGET.fullmatch(target) or not _HOST.fullmatch(origin.host):
        raise StatementInvalid("the URL cannot be sent as it was built", outcome=Outcome.NOT_SENT)
    return f"{method} {target} HTTP/1.1\r\nHost: {origin.authority}\r\n"


def _too_long() -> ParameterInvalid:
    return ParameterInvalid(
        f"path and query together are longer than {LONGEST_TARGET} characters",
        hint="Send long values in the body.",
        outcome=Outcome.NOT_SENT,
    )


def _path_problem(path: str) -> str:
    """Return what is wrong with a relative path, to be said after "the path", or ``""``."""
    if _PLAIN_PATH.fullmatch(path):
        return ""
    if not _PATH.fullmatch(path):
        return "holds characters that must be percent-encoded"
    segments = path.split("/")
    if "" in segments[:-1]:
        return "has an empty segment"
    if any(map(_steps_out, segments)):
        return "has a segment that means another place, such as '..'"
    return ""


def _steps_out(segment: str) -> bool:
    """Return whether some server could read a segment as a way up, or not at all."""
    for _ in range(_DECODINGS):
        if _CONTROL.search(segment):
            return True
        plain = unicodedata.normalize("NFKC", segment)
        if any(part.split(";")[0].strip() in (".", "..") for part in _SEPARATORS.split(plain)):
            return True
        decoded = unquote(segment)
        if decoded == segment:
            return False
        segment = decoded
    return True
