"""Hostile texts for every place where a value can stand: the seeds of ``corpus.json``, varied.

A value is never interpreted, so whatever stands in it must come back unchanged, or be refused as a value. The seeds
are kept in the data file, by class; the variations are made here, always the same ones.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from typing import Final

_VARIATIONS: Final[tuple[Callable[[str], str], ...]] = (
    lambda seed: seed,
    lambda seed: f"a{seed}b",
    lambda seed: f"'{seed}",
    lambda seed: f"{seed}'",
    lambda seed: f"\\{seed}\\",
    lambda seed: seed * 3,
    lambda seed: f"{seed} -- {seed}",
)

_LONG: Final = {
    "one under 64 KiB": "x" * 65_535,
    "one over 64 KiB": "é" * 32_768 + "x",
    "quotes to one under 1 MiB": "'" * 1_048_575,
    "one over 1 MiB": "x" * 1_048_577,
}
"""Ends of length fields and buffers."""


def _load() -> Mapping[str, tuple[str, ...]]:
    text = files("appsmith_proxy.testing").joinpath("corpus.json").read_text(encoding="utf-8")
    return {name: tuple(seeds) for name, seeds in json.loads(text)["classes"].items()}


SEEDS: Final[Mapping[str, tuple[str, ...]]] = _load()
"""The kept texts by class."""

CLASSES: Final[tuple[str, ...]] = (*SEEDS, "lengths")


def texts(name: str) -> Iterator[str]:
    """Yield the texts of one class, each once."""
    if name == "lengths":
        yield from _LONG.values()
        return
    made = (vary(seed) for seed in SEEDS[name] for vary in _VARIATIONS)
    yield from dict.fromkeys(made)
