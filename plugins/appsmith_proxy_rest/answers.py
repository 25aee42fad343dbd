"""Make a Result of an upstream's answer: kind, text encoding, limits, and no secret in it."""

import codecs
import re
from collections.abc import Callable, Mapping
from typing import Final

from appsmith_proxy.sdk import BadResponse, Body, BodyKind, Result, is_json
from appsmith_proxy_rest.connection import Answer
from appsmith_proxy_rest.redaction import Redactor

_HIDDEN: Final = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "set-cookie",
        "set-cookie2",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers of the connection, of a body that is decoded by now, and cookies: they are the upstream's affair."""

_TEXTUAL: Final = frozenset(
    {
        "application/graphql",
        "application/javascript",
        "application/toml",
        "application/x-ndjson",
        "application/x-www-form-urlencoded",
        "application/xml",
        "application/yaml",
        "application/x-yaml",
        "image/svg+xml",
    }
)
_UTF_8: Final = ("utf-8", "utf8")
_CHARSETS: Final = re.compile(
    r"(?:us-?)?ascii|utf-?(?:8|16|32)(?:-?[bl]e)?|latin-?1|iso[-_]?8859-\d{1,2}|(?:windows|cp)-?125\d|cp9(?:32|49)|koi8-[ru]"
    r"|shift[-_]jis|sjis|iso-2022-jp|euc-(?:jp|kr)|big5|gb2312|gbk|gb18030|tis-620",
    re.IGNORECASE,
)
"""Character sets of real answers. Python knows more, and some of those inflate (zlib) or take for ever (punycode)."""


def to_result(answer: Answer, *, limit: int, redactor: Redactor) -> Result:
    """Return the answer as a Result. A status of 400 and above is for the gateway to call a failure.

    Raises:
        BadResponse: JSON of more than ``limit`` bytes: a part of it would not be JSON.
    """
    kind, charset = _kind(answer)
    content = answer.content
    if kind is BodyKind.JSON and not answer.cut and len(content) <= limit and _may_pass(content, charset, redactor):
        return Result(body=_body(kind, content, answer, redactor))
    messages = []
    if kind is not BodyKind.BINARY:
        kind, content = _as_text(kind, content, charset, cut=answer.cut)
    content = _CLEANERS[kind](redactor, content)
    cut = answer.cut or len(content) > limit
    if kind is BodyKind.JSON and cut:
        raise BadResponse(
            f"the answer is JSON of more than {limit} bytes, and a part of JSON is not JSON",
            hint="Ask the API for less at a time, or raise the limit.",
        )
    if kind is BodyKind.JSON and not is_json(content):
        kind = BodyKind.TEXT
        if content:
            messages.append("The answer says that it is JSON, and is not: it is shown as text.")
    if cut:
        content = content[:limit]
        content = _whole_characters(content) if kind is BodyKind.TEXT else content
    return Result(body=_body(kind, content, answer, redactor), truncated=cut, messages=tuple(messages))


def _may_pass(content: bytes, charset: str, redactor: Redactor) -> bool:
    """Return whether content is what it claims, JSON in UTF-8, and holds no secret: nearly always, and then it stays as it is."""
    return charset in _UTF_8 and is_json(content) and not redactor.found_in(content)


def _body(kind: BodyKind, content: bytes, answer: Answer, redactor: Redactor) -> Body:
    shown = [(name, value) for name, value in answer.headers if name.lower() not in _HIDDEN]
    words = "\n".join([answer.reason, *map(": ".join, shown)])
    reason = answer.reason
    if redactor.found_in(words.encode("utf-8", "surrogateescape")):
        reason, shown = (
            redactor.clean_text(reason),
            [(redactor.clean_text(a), redactor.clean_text(b)) for a, b in shown],
        )
    elif not words.isascii():
        reason, shown = _readable(reason), [(_readable(a), _readable(b)) for a, b in shown]
    return Body(kind=kind, value=content, status=answer.status, reason=reason, headers=tuple(shown))


_CLEANERS: Final[Mapping[BodyKind, Callable[[Redactor, bytes], bytes]]] = {
    BodyKind.JSON: Redactor.clean_json,
    BodyKind.TEXT: Redactor.clean,
    BodyKind.BINARY: Redactor.clean,
}


def _kind(answer: Answer) -> tuple[BodyKind, str]:
    """Return how the answer's type says it is to be read, and its character set. Its content is not looked at."""
    kind, charset = answer.content_type, answer.charset or "utf-8"
    if kind == "application/json" or kind.endswith("+json"):
        return BodyKind.JSON, charset
    if not kind or kind.startswith("text/") or kind in _TEXTUAL or kind.endswith("+xml"):
        return BodyKind.TEXT, charset
    return BodyKind.BINARY, charset


def _as_text(kind: BodyKind, content: bytes, charset: str, *, cut: bool) -> tuple[BodyKind, bytes]:
    """Return text in UTF-8, or the bytes as binary when they are not in their character set."""
    if not _CHARSETS.fullmatch(charset):
        return BodyKind.BINARY, content
    try:
        text = codecs.getincrementaldecoder(charset)().decode(content, not cut)
        return kind, (text.removeprefix("\ufeff") if kind is BodyKind.JSON else text).encode()
    except (LookupError, UnicodeError):
        return BodyKind.BINARY, content


def _whole_characters(content: bytes) -> bytes:
    return content.decode("utf-8", "ignore").encode()


def _readable(value: str) -> str:
    """Return a part of the head with what is not UTF-8 replaced."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
