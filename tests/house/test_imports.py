"""Imports point down only: the contracts of setup.cfg hold, and the tool that says so really looks."""

from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_ERROR, EXIT_STATUS_SUCCESS, lint_imports

from tests.house.source import ROOT

UPWARDS = """
[importlinter]
root_packages = appsmith_proxy

[importlinter:contract:upside-down]
name = The web imports the errors, so this contract is broken
type = forbidden
source_modules = appsmith_proxy.web
forbidden_modules = appsmith_proxy.errors
"""


def test_the_contracts_hold(capsys: pytest.CaptureFixture[str]) -> None:
    status = lint_imports(config_filename=str(ROOT / "setup.cfg"), no_cache=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_a_broken_contract_is_found(tmp_path: Path) -> None:
    (tmp_path / "setup.cfg").write_text(UPWARDS)
    assert lint_imports(config_filename=str(tmp_path / "setup.cfg"), no_cache=True) == EXIT_STATUS_ERROR
