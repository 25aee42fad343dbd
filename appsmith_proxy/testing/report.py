"""The kit's words at the end of a test run: what was proven of each driver, and what the injection corpus has shown.

One line in a ``conftest.py`` switches it on::

    from appsmith_proxy.testing.report import pytest_terminal_summary
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from appsmith_proxy.testing.suite import ABSENT_KEY, INJECTION_KEY, REPORT_KEY

__all__ = ["CorpusReport", "DriverReport", "corpus_reports", "pytest_terminal_summary", "reports"]


@dataclass(slots=True)
class Tally:
    """How many tests passed of how many."""

    passed: int = 0
    total: int = 0

    def __str__(self) -> str:
        return f"{self.passed}/{self.total}"


@dataclass(slots=True)
class DriverReport:
    """What a run has shown of one driver."""

    kind: str
    suites: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    capabilities: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    absent: dict[str, str] = field(default_factory=dict)

    def count(self, suite: str, capabilities: list[str], *, passed: bool) -> None:
        """Count one test."""
        for tally in (self.suites[suite], *(self.capabilities[name] for name in capabilities)):
            tally.total += 1
            tally.passed += passed

    def lines(self) -> Iterator[str]:
        """Yield the report, for people."""
        yield f"{self.kind}: " + ", ".join(f"{name} {tally}" for name, tally in sorted(self.suites.items()))
        if self.capabilities:
            yield "  capabilities: " + ", ".join(f"{name} {tally}" for name, tally in sorted(self.capabilities.items()))
        for part, reason in sorted(self.absent.items()):
            yield f"  absent: {part} ({reason})"


def reports(finished: list[pytest.TestReport]) -> dict[str, DriverReport]:
    """Return a report for each driver of whom the finished tests tell, by kind."""
    found: dict[str, DriverReport] = {}
    for test in finished:
        for key, value in test.user_properties:
            if key not in (REPORT_KEY, ABSENT_KEY):
                continue
            assert isinstance(value, list)  # reason: the suite wrote it, perhaps in another process
            report = found.setdefault(value[0], DriverReport(value[0]))
            if key == ABSENT_KEY:
                report.absent[value[1]] = value[2]
            else:
                report.count(value[1], value[2], passed=test.outcome == "passed")
    return found


@dataclass(slots=True)
class CorpusReport:
    """What a run of the injection corpus has shown of one driver."""

    kind: str
    contexts: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """By context: values taken, values refused, violations."""

    def lines(self) -> Iterator[str]:
        """Yield the report, for people."""
        taken, refused, violations = (sum(column) for column in zip(*self.contexts.values(), strict=True))
        yield f"{self.kind}: {taken + refused} values in {len(self.contexts)} contexts, {violations} violations"
        contexts = (
            f"{name} {kept}/{turned_away}" + (f" ({wrong} VIOLATIONS)" if wrong else "")
            for name, (kept, turned_away, wrong) in self.contexts.items()
        )
        yield f"  taken/refused: {', '.join(contexts)}"


def corpus_reports(finished: list[pytest.TestReport]) -> dict[str, CorpusReport]:
    """Return what the injection suite has shown of each driver, by kind."""
    found: dict[str, CorpusReport] = {}
    for test in finished:
        for key, value in test.user_properties:
            if key == INJECTION_KEY:
                assert isinstance(value, list)  # reason: the suite wrote it, perhaps in another process
                kind, context, taken, refused, violations = value
                found.setdefault(kind, CorpusReport(kind)).contexts[context] = (taken, refused, violations)
    return found


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was proven. A hook of pytest; fires once, at the end of a run."""
    finished = [
        report
        for outcome in ("passed", "failed", "error")
        for report in terminalreporter.getreports(outcome)
        if isinstance(report, pytest.TestReport) and (report.when == "call" or report.outcome == "failed")
    ]
    _write(terminalreporter, "driver conformance", reports(finished))
    _write(terminalreporter, "injection corpus", corpus_reports(finished))


def _write(
    reporter: pytest.TerminalReporter, title: str, found: Mapping[str, DriverReport] | Mapping[str, CorpusReport]
) -> None:
    lines = [line for kind in sorted(found) for line in found[kind].lines()]
    if lines:
        reporter.section(title)
    for line in lines:
        reporter.write_line(line)
