"""Sentences for what a plugin raised: class names and places, never the exception's own text, which may quote anything."""

import re
import traceback
from pathlib import Path
from typing import Final

from appsmith_proxy.registry.report import ReportEntry

_MODULE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,127}")


def after_exception(
    doing: str, error: BaseException, entry: ReportEntry, *, extras: frozenset[str] = frozenset()
) -> str:
    """Say why a plugin is quarantined, and for a missing library what to install."""
    library = _missing_library(error)
    if library is None:
        return f"{doing} raised {type(error).__name__} {place_of(error)}"
    wanted = f"{entry.distribution}[{entry.name}]" if entry.name in extras else f"the distribution of {library}"
    return f"the library {library} is missing: install {wanted}"


def place_of(error: BaseException) -> str:
    """Return where an exception was raised as ``(at file.py:12)``, the file's name only."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"(at {Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else "(at an unknown place)"


def _missing_library(error: BaseException) -> str | None:
    if not isinstance(error, ModuleNotFoundError) or not error.name or not _MODULE.fullmatch(error.name):
        return None
    return error.name.partition(".")[0]
