"""The table that a person reads, and the JSON beside it."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

from bench.compare import Row

RESULTS: Final = Path(__file__).parent / "results"
MEMORY_BAR_MB: Final = 96.0
RATIO_BAR: Final = 1.0
GROWTH_BAR_MB: Final = 2.0
"""What a soak may add after its first fifth, in which caches and the ring of the audit trail fill."""

_HEAD: Final = (
    f"{'':<12}│{'requests a second: median (min-max)':^41}│{'ratio':^18}│{'server CPU, µs':^16}│{'database, µs':^15}│ RSS, MB\n"
    f"{'':<12}│{'by hand':^20}│{'ours':^20}│{'median (min-max)':^18}│{'hand':>5} {'ours':>4} {'ratio':>5}│"
    f"{'hand':>7}{'ours':>7} │ hand ours"
)


def head() -> str:
    """Return the table's head."""
    return _HEAD


def line(row: Row) -> str:
    """Return one workload's line."""
    hand, ours = row.by_hand, row.ours
    return (
        f"{row.workload:<12}│{_spread(hand.rates):^20}│{_spread(ours.rates):^20}│{_spread(row.ratios, digits=2):^18}│"
        f"{median(hand.cpu_us):>5.0f} {median(ours.cpu_us):>4.0f} {row.cpu_ratio:>5.2f}│"
        f"{median(hand.database_us):>7.0f}{median(ours.database_us):>7.0f} │ {hand.rss_mb:>4.0f} {ours.rss_mb:>4.0f}"
    )


def growth(soak: Sequence[float]) -> float:
    """Return what a soak added after its first fifth, MB."""
    return max(soak[2:]) - soak[2] if soak else 0.0


def verdicts(rows: Sequence[Row], soak: Sequence[float]) -> list[str]:
    """Return a sentence for each bar that does not hold."""
    missed = [f"{row.workload}: ratio {row.ratio:.2f} < {RATIO_BAR}" for row in rows if row.ratio < RATIO_BAR]
    memory = max((row.ours.rss_mb for row in rows), default=0.0)
    if memory >= MEMORY_BAR_MB:
        missed.append(f"memory under load: {memory:.0f} MB, not below {MEMORY_BAR_MB:.0f}")
    if growth(soak) > GROWTH_BAR_MB:
        missed.append(f"memory is not flat: it grew by {growth(soak):.1f} MB")
    return missed


def write(rows: Sequence[Row], constant: Sequence[float], soak: Sequence[float], missed: Sequence[str]) -> Path:
    """Write everything that was measured as JSON; return where."""
    now = datetime.now(UTC)
    report = {
        "at": now.isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "load": os.getloadavg(),
        "rows": [{**asdict(row), "ratios": row.ratios, "ratio": row.ratio, "cpu_ratio": row.cpu_ratio} for row in rows],
        "without_database_per_second": list(constant),
        "soak_rss_mb": list(soak),
        "missed": list(missed),
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{now:%Y%m%d-%H%M%S}.json"
    path.write_text(json.dumps(report, indent=1))
    return path


def _spread(values: Sequence[float], *, digits: int = 0) -> str:
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"
