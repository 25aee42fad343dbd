"""The table that a person reads, and the JSON beside it."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.compare import BY_HAND, OURS, Row

RESULTS: Final = Path(__file__).parent / "results"
MEMORY_BAR_MB: Final = 96.0
GROWTH_BAR_MB: Final = 2.0
"""What a soak may add after its first fifth, in which caches and the ring of the audit trail fill."""


@dataclass(slots=True)
class Measured:
    """What was measured on one datasource."""

    rows: list[Row] = field(default_factory=list)
    constant: list[float] = field(default_factory=list)
    """Requests a second of the hand-written server where it asks no datasource."""
    soak: list[float] = field(default_factory=list)
    """Our resident memory at the start and after each tenth of a soak, MB."""
    missed: list[str] = field(default_factory=list)
    """Bars, a sentence each."""


_HEAD: Final = (
    f"{'':<12}│{'requests a second: median (min-max)':^41}│{'ratio':^18}│{'server CPU, µs':^16}│{'datasource, µs':^15}│ RSS, MB\n"
    f"{'':<12}│{'by hand':^20}│{'ours':^20}│{'median (min-max)':^18}│{'hand':>5} {'ours':>4} {'ratio':>5}│"
    f"{'hand':>7}{'ours':>7} │ hand ours"
)


def head() -> str:
    """Return the table's head."""
    return _HEAD


def line(row: Row) -> str:
    """Return one workload's line, and below it one for each side that was measured beside the two."""
    return "\n".join(_line(row, side) for side in row.sides if side != BY_HAND)


def growth(soak: Sequence[float]) -> float:
    """Return what a soak added after its first fifth, MB."""
    return max(soak[2:]) - soak[2] if soak else 0.0


def verdicts(measured: Measured, bars: Mapping[str, float]) -> list[str]:
    """Return a sentence for each bar that does not hold."""
    rows = measured.rows
    missed = [
        f"{row.workload}: ratio {row.ratio():.2f} < {bars[row.workload]}"
        for row in rows
        if row.ratio() < bars.get(row.workload, 0.0)
    ]
    memory = max((row.sides[OURS].rss_mb for row in rows), default=0.0)
    if memory >= MEMORY_BAR_MB:
        missed.append(f"memory under load: {memory:.0f} MB, not below {MEMORY_BAR_MB:.0f}")
    if growth(measured.soak) > GROWTH_BAR_MB:
        missed.append(f"memory is not flat: it grew by {growth(measured.soak):.1f} MB")
    return missed


def write(measured: Mapping[str, Measured], steps: Mapping[str, float]) -> Path:
    """Write everything that was measured, by datasource and by step, as JSON; return where."""
    now = datetime.now(UTC)
    report = {
        "at": now.isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "load": os.getloadavg(),
        "steps_us": dict(steps),
        "datasources": {name: _written(one) for name, one in measured.items()},
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{now:%Y%m%d-%H%M%S}.json"
    path.write_text(json.dumps(report, indent=1))
    return path


def _written(measured: Measured) -> dict[str, Any]:
    return {
        "rows": [
            {
                "workload": row.workload,
                "sides": {
                    side: {
                        **asdict(one),
                        "ratios": row.ratios(side),
                        "ratio": row.ratio(side),
                        "cpu_ratio": row.cpu_ratio(side),
                    }
                    for side, one in row.sides.items()
                },
            }
            for row in measured.rows
        ],
        "without_datasource_per_second": measured.constant,
        "soak_rss_mb": measured.soak,
        "missed": measured.missed,
    }


def _line(row: Row, side: str) -> str:
    hand, one = row.sides[BY_HAND], row.sides[side]
    name, by_hand = (row.workload, _spread(hand.rates)) if side == OURS else (f"  {side}", "")
    return (
        f"{name:<12}│{by_hand:^20}│{_spread(one.rates):^20}│{_spread(row.ratios(side), digits=2):^18}│"
        f"{median(hand.cpu_us):>5.0f} {median(one.cpu_us):>4.0f} {row.cpu_ratio(side):>5.2f}│"
        f"{median(hand.datasource_us):>7.0f}{median(one.datasource_us):>7.0f} │ {hand.rss_mb:>4.0f} {one.rss_mb:>4.0f}"
    )


def _spread(values: Sequence[float], *, digits: int = 0) -> str:
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"
