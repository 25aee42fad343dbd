"""Canaries: random texts that are planted where something must not leave, and looked for in every form it could leave in."""

import base64
import secrets
from collections.abc import Iterator
from typing import Final

SHORTEST: Final = 8
"""Of a canary: shorter texts occur by chance."""


class Canaries:
    """What was planted, in groups (``secret``, ``statement`` …)."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, str], str] = {}
        self._shapes: dict[str, list[tuple[str, bytes]]] = {}

    def plant(self, group: str, name: str, text: str | None = None) -> str:
        """Return the canary of this name: a fresh one, or a text that was made elsewhere, the first time it is asked for."""
        if (group, name) not in self._texts:
            planted = text or f"canary{secrets.token_hex(10)}"
            assert len(planted) >= SHORTEST
            self._texts[group, name] = planted
            shapes = [(f"{group} {name} as {form}", shape.lower()) for form, shape in forms(planted)]
            self._shapes.setdefault(group, []).extend(shapes)
        return self._texts[group, name]

    def found(self, content: bytes, *groups: str) -> list[str]:
        """Return the names of the groups' canaries that are somewhere in the content, in any form."""
        lower = content.lower()
        return [label for group in groups for label, shape in self._shapes[group] if shape in lower]


def forms(text: str) -> Iterator[tuple[str, bytes]]:
    """Yield the forms of a text: what encodes, escapes or turns it around. They are compared without regard to case."""
    raw = text.encode()
    yield "text", raw
    yield "reversed", raw[::-1]
    yield "hex", raw.hex().encode()
    yield "url", "".join(f"%{byte:02x}" for byte in raw).encode()
    yield "json", "".join(f"\\u{ord(letter):04x}" for letter in text).encode()
    yield "html", "".join(f"&#{ord(letter)};" for letter in text).encode()
    yield "utf-16", text.encode("utf-16-le")
    for shift in range(3):
        # The middle of the base64 text at each alignment; its first and last letters depend on what is around it.
        encoded = base64.b64encode(b"\0" * shift + raw).rstrip(b"=")
        yield f"base64 at {shift}", encoded[4 if shift else 0 : -2]
        yield f"base64url at {shift}", encoded[4 if shift else 0 : -2].replace(b"+", b"-").replace(b"/", b"_")
