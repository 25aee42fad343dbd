"""Nouns of the contract that are made for every execution: as frozen as dataclasses, and made in C.

A frozen dataclass is made in Python, one call for each field. ``msgspec.Struct`` is the same to whoever reads it, but for
``dataclasses.replace``; ``replace`` is for both kinds.
"""

import dataclasses
from typing import Any, TypeVar

import msgspec


class Noun(msgspec.Struct, frozen=True):
    """A noun that is made for every execution."""


N = TypeVar("N")


def replace(noun: N, /, **changes: Any) -> N:
    """Return a noun of the contract with some of its fields changed."""
    if isinstance(noun, Noun):
        return msgspec.structs.replace(noun, **changes)
    return dataclasses.replace(noun, **changes)  # type: ignore[type-var]  # reason: every other noun is a dataclass
