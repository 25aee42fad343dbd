"""What the files of broken drivers share: what each must fail, and how a file is run and read."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import ClassVar, Final
from xml.etree import ElementTree as ET

CORPUS_STEP: Final = 10
"""Each how many-th text of the corpus a broken driver is tried with: it must fail for some, and nowhere else for any."""
_FEWEST: Final = 40
"""Tests of the kit that apply to every control: fewer have run only if collecting went wrong."""

_PATIENCE: Final = 540
"""Seconds for one file; half a minute is usual."""

Results = dict[str, dict[str, bool]]
"""Class → test → whether every case of it passed."""


class Broken:
    """The kit's tests that a broken driver must fail; it must pass all others."""

    fails: ClassVar[frozenset[str]] = frozenset()


def suites_of(module: ModuleType) -> Mapping[str, type[Broken]]:
    """Return a file's drivers by the names of their classes."""
    found = {name: value for name, value in vars(module).items() if name.startswith("Test")}
    return {name: value for name, value in found.items() if isinstance(value, type) and issubclass(value, Broken)}


def run(module: ModuleType, folder: Path) -> Results:
    """Run a file in a process of its own: what fails there is what is expected, and no failure of this run."""
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", f"--junitxml={report}", str(module.__file__)]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=_PATIENCE, check=False)
    return _read(report)


def check(results: Results, name: str, suite: type[Broken]) -> None:
    """Expect that a driver failed exactly where it is broken."""
    ran = results[name]
    assert len(ran) >= _FEWEST
    assert {test for test, passed in ran.items() if not passed} == suite.fails


def _read(report: Path) -> Results:
    found: Results = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314  # reason: written by our own pytest
        tests = found.setdefault(case.attrib["classname"].rpartition(".")[2], {})
        name = case.attrib["name"].partition("[")[0]
        tests[name] = tests.get(name, True) and not any(child.tag in ("failure", "error") for child in case)
    return found
