"""Which encryption passwords and salts are refused, and why."""

import re
from importlib import resources
from typing import Final

MIN_CHARACTERS: Final = 22
MIN_DISTINCT: Final = 8
_NOT_TEXT: Final = re.compile(r"[\W_]+")


def weakness(secret: str) -> str | None:
    """Return why ``secret`` may not protect anything, or None. Pure; the answer never quotes it."""
    if len(secret) < MIN_CHARACTERS:
        return f"has fewer than {MIN_CHARACTERS} characters"
    if len(set(secret)) < MIN_DISTINCT:
        return f"has fewer than {MIN_DISTINCT} different characters"
    if _plain(secret) in _well_known():
        return "is a well-known example"
    return None


def _well_known() -> frozenset[str]:
    lines = resources.files("appsmith_proxy.vault").joinpath("well_known.txt").read_text("utf-8").splitlines()
    return frozenset(_plain(line) for line in lines if line.strip() and not line.startswith("# "))


def _plain(text: str) -> str:
    """Fold what does not make an example a secret: case, spaces and punctuation."""
    return _NOT_TEXT.sub("", text.casefold())
