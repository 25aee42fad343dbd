"""Take injected secrets out of what an upstream answers, in every form in which an honest upstream echoes them.

Forms: as sent, JSON-escaped, percent-encoded, HTML-escaped, hexadecimal, and inside base64 at any of its three
alignments (a Basic header). A dishonest upstream can encode a secret in ways that nobody can list; it has the secret anyway.
"""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus, unquote_to_bytes

from appsmith_proxy.sdk import is_json

MASK: Final = b"***"
SHORTEST: Final = 4
"""Shorter secrets are not looked for: they would be found in every text."""
_SHORTEST_BASE64: Final = 6
_LONGEST_ESCAPE: Final = 6

_COMMON: Final = b"QZXJKYWVUGFHBjqPNLCORDMSTEIAzxkwv%+=/_9876543-.&yfg#20bp1hucmldsonrita e"
"""Bytes by how often answers hold them, the rarest first; what is not here is rarer still."""

_JSON_ASCII: Final = re.compile(rb"\\u00[0-7][0-9a-fA-F]")
_JSON_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[^\s\[\]{},:"]+')


class Redactor:
    """Know the secrets of one request. Shows none of them."""

    __slots__ = ("_by_rarest", "_compiled", "_forms", "_known", "margin")

    def __init__(self, secrets: Iterable[str]) -> None:
        self._known = sorted({secret for secret in secrets if len(secret) >= SHORTEST}, key=len, reverse=True)
        self._forms = tuple(dict.fromkeys(form for secret in self._known for form in _forms(secret)))
        rarest = dict.fromkeys(map(_rarest, self._forms))
        self._by_rarest = tuple((byte, tuple(form for form in self._forms if _rarest(form) == byte)) for byte in rarest)
        """By one byte of them: where it is not, they are not, and a byte is looked for far faster."""
        self._compiled: re.Pattern[bytes] | None = None
        self.margin = max((_LONGEST_ESCAPE * len(secret.encode()) for secret in self._known), default=0)
        """Bytes to read beyond a limit, so that no part of a secret stands at the cut."""

    def found_in(self, data: bytes) -> bool:
        """Return whether a secret stands in ``data``. Fast on what holds none."""
        for rare, forms in self._by_rarest:
            if rare in data:
                for form in forms:
                    if form in data:
                        return True
        if b"%" not in data and b"\\" not in data and b"&" not in data:
            return False  # nothing is escaped
        return any(secret.encode() in view for view in _decoded(data) for secret in self._known)

    def clean(self, data: bytes) -> bytes:
        """Return ``data`` with each secret masked."""
        return self._pattern().sub(MASK, data) if self.found_in(data) else data

    def clean_text(self, text: str) -> str:
        """Return a header or another short text with each secret masked."""
        return self.clean(text.encode("utf-8", "surrogateescape")).decode("utf-8", "replace")

    def clean_json(self, data: bytes) -> bytes:
        """Return JSON text with each secret masked: still JSON."""
        if not self.found_in(data):
            return data
        cleaned = self._pattern().sub(MASK, data)
        return cleaned if is_json(cleaned) else _JSON_TOKEN.sub(self._clean_token, data)

    def _pattern(self) -> re.Pattern[bytes]:
        """Return the pattern of all forms; made when a secret is first found, which is rare."""
        if self._compiled is None:
            parts = [_charwise(secret) for secret in self._known]
            parts += [re.escape(form) for form in sorted(self._forms, key=len, reverse=True)]
            self._compiled = re.compile(b"|".join(parts))
        return self._compiled

    def _clean_token(self, match: re.Match[bytes]) -> bytes:
        token = match.group()
        return b'"***"' if self.found_in(token) else token


def _rarest(form: bytes) -> bytes:
    """Return the byte of a form that few answers hold."""
    return min((form[at : at + 1] for at in range(len(form))), key=_COMMON.find)


def _decoded(data: bytes) -> Iterator[bytes]:
    """Yield ``data`` with the escapes undone that could hide a secret, each sort by itself."""
    if b"%" in data:
        yield unquote_to_bytes(data.replace(b"+", b" "))
        yield unquote_to_bytes(data)
    if b"\\" in data and _JSON_ASCII.search(data):
        yield _JSON_ASCII.sub(lambda match: bytes([int(match.group()[4:], 16)]), data)
    if b"&" in data and b"&#" in data:
        yield html.unescape(data.decode("utf-8", "replace")).encode("utf-8", "replace")


def _forms(secret: str) -> Iterator[bytes]:
    yield secret.encode()
    for ascii_only in (True, False):
        escaped = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        yield escaped.encode()
        yield escaped.replace("/", "\\/").encode()
    yield quote(secret, safe="").encode()
    yield quote_plus(secret).encode()
    yield html.escape(secret).encode()
    yield secret.encode().hex().encode()
    yield secret.encode().hex().upper().encode()
    for alignment in range(3):
        yield from _base64_forms(secret.encode(), alignment)


def _base64_forms(secret: bytes, alignment: int) -> Iterator[bytes]:
    """Yield what base64 makes of a secret that follows ``alignment`` other bytes, without the digits it shares."""
    first = -(-8 * alignment // 6)
    last = (8 * (alignment + len(secret))) // 6
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        digits = encode(b"\0" * alignment + secret)[first:last]
        if len(digits) >= _SHORTEST_BASE64:
            yield digits
            yield digits.replace(b"/", b"\\/")


def _charwise(secret: str) -> bytes:
    """Return a pattern for a secret of which each character may be escaped for itself."""
    return b"".join(map(_character, secret))


def _character(character: str) -> bytes:
    code = ord(character)
    raw = character.encode()
    units = character.encode("utf-16-be")
    forms: set[bytes] = {
        re.escape(raw),
        b"(?i:%s)" % b"".join(b"%%%02x" % byte for byte in raw),
        b"(?i:%s)" % b"".join(rb"\\u%02x%02x" % (units[at], units[at + 1]) for at in range(0, len(units), 2)),
        re.escape(json.dumps(character)[1:-1].encode()),
        re.escape(html.escape(character).encode()),
        b"&#0*%d;" % code,
        b"(?i:&#x0*%x;)" % code,
    }
    if character == "/":
        forms.add(rb"\\/")
    if character == " ":
        forms.add(rb"\+")
    ordered = sorted(forms, key=len, reverse=True)
    return b"(?:%s)" % b"|".join(ordered)
