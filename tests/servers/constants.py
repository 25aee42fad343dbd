"""The texts that a driver has of its own: every text and statement at the top of one of its modules, or of its base's."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import astuple
from types import ModuleType
from typing import Any

from appsmith_proxy.sdk import Statement, TransactionWords, pooled_client


def own_texts(package: ModuleType) -> frozenset[str]:
    """Return the constants of a driver's package, in tables too. Nothing that is made at run time is among them."""
    names = (found.name for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."))
    modules = [package, *map(importlib.import_module, names), pooled_client]
    return frozenset(text for module in modules for value in vars(module).values() for text in _texts(value))


def _texts(value: Any) -> Iterator[str]:
    match value:
        case Statement():
            yield value.text
        case str():
            yield value
        case TransactionWords():
            yield from astuple(value)
        case tuple() | list() | set() | frozenset():
            for item in value:
                yield from _texts(item)
        case Mapping():
            for item in value.values():
                yield from _texts(item)
