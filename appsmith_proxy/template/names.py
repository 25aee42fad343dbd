"""Decide who fills a binding in, and refuse names that only look trusted.

Exact trusted names come from the server. JavaScript that reaches for the same objects in another way would be evaluated
by the browser, where it could be forged, so it is refused when the action is saved.
"""

import re
from typing import Final

from appsmith_proxy.model.plan import Source
from appsmith_proxy.model.trusted import TRUSTED_NAMES

_GAP: Final = r"(?:\s|/\*.*?\*/|//[^\n]*(?:\n|$))*"
_IDENTIFIER_ESCAPE: Final = re.compile(r"\\u(?:\{0*([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{4}))")
_STRING: Final = re.compile(r"""'(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+\"""", re.DOTALL)
_REACHED: Final = r"(?:user|workspace|environment|valueOf|constructor|__\w+__)"
"""Members that hold the caller's identity, or lead back to the object that does."""
_MENTION: Final = re.compile(rf"\bappsmith{_GAP}\??\.{_GAP}{_REACHED}\b", re.DOTALL)
_KEY: Final = re.compile(r"""(['"`])appsmith\1""")
"""The object's name as a text: ``window['appsmith']``."""
_MEMBER: Final = re.compile(rf"\bappsmith\b(?!{_GAP}\??\.{_GAP}[A-Za-z_$])", re.DOTALL)
"""``appsmith`` that is not followed by a plain member: a bracket, a call, or the object itself."""
_KNOWN: Final = ", ".join(f"{{{{{name}}}}}" for name in TRUSTED_NAMES)


STEPS: Final = "steps."
AFFECTED: Final = "affected"
"""``steps.order.affected`` is how many rows a step has changed."""


def source_of(name: str, *, in_steps: bool = False) -> Source:
    """Return who fills the binding in. Only in an action of several steps are names of steps special."""
    if in_steps and name.startswith(STEPS):
        return Source.STEP
    return Source.TRUSTED if name in TRUSTED_NAMES else Source.CLIENT


def step_result(name: str) -> tuple[str, str]:
    """Return (step, column) of a name whose source is a step; empty where a part is missing."""
    step, _, column = name.removeprefix(STEPS).partition(".")
    return step, column


def refusal(name: str) -> tuple[str, str] | None:
    """Return (message, hint) when a binding with this name cannot be accepted anywhere, else None."""
    if not name:
        return "the binding is empty", "write a name between {{ and }}"
    if name in TRUSTED_NAMES:
        return None
    script = _IDENTIFIER_ESCAPE.sub(_unescape, name)
    # Comments, regular expressions and templates may hold a quote: where they may stand, no text is told from the code.
    code = script if "/" in script or "`" in script else _STRING.sub("''", script)
    if _MENTION.search(script) or _KEY.search(script) or _MEMBER.search(code):
        return (
            "the binding reaches for the caller's identity in JavaScript, which the browser would evaluate and could forge",
            f"write one of {_KNOWN} alone and do the rest in the statement, for example lower({{{{appsmith.user.email}}}})",
        )
    return None


def _unescape(match: re.Match[str]) -> str:
    code = int(match[1] or match[2], 16)
    return chr(code) if code <= 0x10FFFF else match[0]
