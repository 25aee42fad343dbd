"""Each broken driver fails the kit exactly where it is broken, and nowhere else."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest

from tests.kit import broken_statement, broken_wire
from tests.kit.broken import Broken

_FEWEST = 40
"""Tests of the kit that apply to every control: fewer have run only if collecting went wrong."""

_PATIENCE = 540
"""Seconds for all of them; a minute is usual."""

Results = dict[str, dict[str, bool]]
"""Class → test → whether every case of it passed."""


def _suites(module: ModuleType) -> Iterator[tuple[str, type[Broken]]]:
    for name, found in vars(module).items():
        if isinstance(found, type) and issubclass(found, Broken) and name.startswith("Test"):
            yield name, found


SUITES = dict([*_suites(broken_statement), *_suites(broken_wire)])


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Run both files once, at the same time, each in a process of its own."""
    folder = tmp_path_factory.mktemp("kit")
    reports = [folder / f"{module.__name__}.xml" for module in (broken_statement, broken_wire)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", f"--junitxml={report}", str(module.__file__)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for module, report in zip((broken_statement, broken_wire), reports, strict=True)
    ]
    try:
        for process in processes:
            process.wait(timeout=_PATIENCE)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return {name: tests for report in reports for name, tests in _read(report).items()}


@pytest.mark.parametrize("name", SUITES)
def test_fails_exactly_where_it_is_broken(results: Results, name: str) -> None:
    ran = results[name]
    assert len(ran) >= _FEWEST
    assert {test for test, passed in ran.items() if not passed} == SUITES[name].fails


def test_at_least_ten_are_broken() -> None:
    assert len([name for name, suite in SUITES.items() if suite.fails]) >= 10


def _read(report: Path) -> Results:
    found: Results = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314  # reason: written by our own pytest
        tests = found.setdefault(case.attrib["classname"].rpartition(".")[2], {})
        name = case.attrib["name"].partition("[")[0]
        tests[name] = tests.get(name, True) and not any(child.tag in ("failure", "error") for child in case)
    return found
