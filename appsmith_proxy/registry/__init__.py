"""Finding drivers: discovery, quarantine, typed calls. pluggy is imported here and in sdk/hooks.py only."""

from appsmith_proxy.registry.contract import contract_problems
from appsmith_proxy.registry.registry import Registry
from appsmith_proxy.registry.report import ReportEntry, Status

__all__ = ["Registry", "ReportEntry", "Status", "contract_problems"]
