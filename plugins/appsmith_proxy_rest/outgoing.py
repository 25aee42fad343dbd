"""Make the request that is sent: the action's parts, the datasource's own, and the credentials, each in its place."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from appsmith_proxy.sdk import HttpRequest, Outcome, ParameterInvalid, StatementInvalid
from appsmith_proxy_rest.bodies import form, multipart, with_members
from appsmith_proxy_rest.fields import METHODS
from appsmith_proxy_rest.inflate import ACCEPTED
from appsmith_proxy_rest.urls import Url, below, first_lines

Pairs = tuple[tuple[str, str], ...]

HOP_HEADERS: Final = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that belong to the connection: nobody sets them but the client library."""

_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE: Final = re.compile(r"(?:[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?")
_LONGEST_VALUE: Final = 16_384
_STANDARD: Final = (("Accept", "*/*"), ("Accept-Encoding", ACCEPTED), ("User-Agent", "appsmith-proxy"))
_CONTENT_TYPES: Final[Mapping[str, str]] = {
    "json": "application/json",
    "text": "text/plain; charset=utf-8",
    "form": "application/x-www-form-urlencoded",
}
_FORMS: Final = ("form", "multipart")
_BODILESS: Final = ("GET", "HEAD")
"""Methods that need not say that there is no body."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Injection:
    """What the datasource adds to each request: credentials. Its repr shows nothing of them."""

    headers: Pairs = ()
    query: Pairs = ()
    body: Pairs = ()
    taboo: frozenset[str] = frozenset()
    """Header names, lower case, that an action may not set beside these."""
    merged: dict[tuple[Pairs, str], str] = field(default_factory=dict)
    """The header lines of requests that set none of their own, by the datasource's and the content type: few."""


@dataclass(slots=True, kw_only=True, repr=False)
class Outgoing:
    """One request as it goes on the wire."""

    method: str
    """One of ``METHODS``."""
    url: Url
    headers: str
    """Made by ``lines``. What depends on the URL and the body is not among them."""
    body: bytes | None = None

    def head(self) -> bytes:
        """Return everything before the body.

        Raises:
            StatementInvalid: the URL cannot be sent.
        """
        head = first_lines(self.method, self.url) + self.headers
        if self.body is not None or self.method not in _BODILESS:
            head += f"Content-Length: {len(self.body or b'')}\r\n"
        return f"{head}\r\n".encode()

    def elsewhere(self, url: Url) -> "Outgoing":
        """Return the request for a redirect that leaves the base: nothing of the datasource's or the action's goes along."""
        return Outgoing(method=self.method, url=url, headers=lines((*_STANDARD, ("Connection", "close"))))

    def within(self, url: Url, *, keep_body: bool) -> "Outgoing":
        """Return the request for a redirect that stays below the base."""
        return replace(self, url=url, body=self.body if keep_body else None)


def build(request: HttpRequest, *, base: Url, headers: Pairs, query: Pairs, injection: Injection) -> Outgoing:
    """Build one request.

    Args:
        request: the action's parts, encoded for where they stand.
        base: the base URL.
        headers: the datasource's plain headers; the action's own win.
        query: the datasource's plain query values; the action's own win.
        injection: the credentials; nothing wins over them.

    Raises:
        StatementInvalid: the action asks for something that is not sent.
        ParameterInvalid: a header's value cannot be sent.
    """
    if request.method not in METHODS:
        raise _refused(f"the method must be one of {', '.join(METHODS)}")
    try:
        body, content_type = _body(request, injection.body)
        url = below(base, request.path, _merged_query(request, query, injection))
    except UnicodeEncodeError:
        raise ParameterInvalid("a value holds half a character", outcome=Outcome.NOT_SENT) from None
    return Outgoing(
        method=request.method,
        url=url,
        headers=_merged_headers(request, headers, injection, content_type),
        body=body,
    )


def lines(headers: Pairs) -> str:
    """Return headers as they go on the wire.

    Raises:
        StatementInvalid: a part would be more than its own line.
    """
    text = "".join([f"{name}: {value}\r\n" for name, value in headers])
    ends = len(headers)
    if not text.isascii() or "\0" in text or (text.count("\r"), text.count("\n")) != (ends, ends):
        raise _refused("the request cannot be sent as it was built")
    return text


def header_problem(name: str) -> str:
    """Return why a header name cannot be set by anybody, or ``""``."""
    if not _NAME.fullmatch(name):
        return "is no header name"
    if name.lower() in HOP_HEADERS:
        return "belongs to the connection and cannot be set"
    return ""


def value_fits(value: str) -> bool:
    """Return whether a text arrives unchanged as a header's value: printable ASCII, no white space at the ends."""
    return len(value) <= _LONGEST_VALUE and _VALUE.fullmatch(value) is not None


def _merged_query(request: HttpRequest, configured: Pairs, injection: Injection) -> Pairs:
    if not configured and not injection.query:
        return request.query
    own = {name for name, _ in request.query}
    secret = {name for name, _ in injection.query}
    if own & secret:
        raise _refused("the action sets a query value that the datasource sets with a secret")
    kept = tuple(pair for pair in configured if pair[0] not in own and pair[0] not in secret)
    return kept + request.query + injection.query


def _merged_headers(request: HttpRequest, configured: Pairs, injection: Injection, content_type: str) -> str:
    """Merge by name, the later ones winning: standard, configured, the action's, ours for forms, secret."""
    if request.headers or request.body_type == "multipart":  # whose content type is another each time
        return lines(_merged_with(request, configured, injection, content_type))
    known = injection.merged.get((configured, content_type))
    if known is None:
        known = lines(_merged_with(request, configured, injection, content_type))
        injection.merged[configured, content_type] = known
    return known


def _merged_with(request: HttpRequest, configured: Pairs, injection: Injection, content_type: str) -> Pairs:
    own = list(request.headers)
    for name, value in own:
        problem = header_problem(name)
        if problem:
            raise _refused(f"a header of the action {problem}")
        if name.lower() == "cookie" or name.lower() in injection.taboo:
            raise _refused(
                "the action sets a header that belongs to the datasource", "Set it in the datasource's secret headers."
            )
        if not value_fits(value):
            raise ParameterInvalid(
                "a header's value is longer than 16 KiB, holds control characters or characters outside ASCII, or has"
                " white space at an end",
                outcome=Outcome.NOT_SENT,
            )
    named = {name.lower() for name, _ in own}
    if content_type and (request.body_type in _FORMS or "content-type" not in named):
        own = [*((name, value) for name, value in own if name.lower() != "content-type")]
        own.append(("Content-Type", content_type))
    return _layered(_STANDARD, configured, own, injection.headers)


def _layered(*layers: Sequence[tuple[str, str]]) -> Pairs:
    merged: list[tuple[str, str]] = []
    for added in filter(None, layers):
        names = {name.lower() for name, _ in added}
        merged = [*(pair for pair in merged if pair[0].lower() not in names), *added] if merged else [*added]
    return tuple(merged)


def _body(request: HttpRequest, members: Pairs) -> tuple[bytes | None, str]:
    """Return the body's bytes and its content type; ``(None, "")`` when there is none."""
    if request.body_type in _FORMS:
        named = {name for name, _ in members}
        pairs = tuple(pair for pair in request.form or () if pair[0] not in named) + members
        if request.body_type == "form":
            return form(pairs), _CONTENT_TYPES["form"]
        return multipart(pairs)
    if request.body_type == "none" or request.body is None:
        return None, ""
    if request.body_type not in _CONTENT_TYPES:
        raise _refused("the body type is not known")
    if members and request.body_type == "json":
        return _extended(request.body, members), _CONTENT_TYPES["json"]
    return request.body, _CONTENT_TYPES[request.body_type]


def _extended(body: bytes, members: Pairs) -> bytes:
    try:
        return with_members(body, members)
    except ValueError:
        raise _refused("the datasource adds secret values to the body, which must be a JSON object for it") from None


def _refused(why: str, hint: str = "") -> StatementInvalid:
    return StatementInvalid(why, hint=hint, outcome=Outcome.NOT_SENT)
