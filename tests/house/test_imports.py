"""Imports point down only: the contracts of setup.cfg hold, and the tool that says so really looks."""

import subprocess
import sys
from pathlib import Path

from tests.house.source import ROOT

UPWARDS = """
[importlinter]
root_package = appsmith_proxy

[importlinter:contract:upside-down]
name = The web imports the errors, so this contract is broken
type = forbidden
source_modules =
    appsmith_proxy.web
forbidden_modules =
    appsmith_proxy.errors
"""


def test_the_contracts_hold() -> None:
    told = lint_imports(ROOT / "setup.cfg")
    assert told.returncode == 0, told.stdout


def test_a_broken_contract_is_found(tmp_path: Path) -> None:
    (tmp_path / "setup.cfg").write_text(UPWARDS)
    told = lint_imports(tmp_path / "setup.cfg")
    assert told.returncode == 1
    assert "0 kept, 1 broken" in told.stdout, told.stdout


def lint_imports(configuration: Path) -> "subprocess.CompletedProcess[str]":
    """Run the tool in a process of its own: within this one it would switch every logger off."""
    return subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--config", configuration, "--no-cache"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
