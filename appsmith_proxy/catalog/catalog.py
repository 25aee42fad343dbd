"""The catalog: the verbs of every noun in one place."""

from dataclasses import dataclass

from appsmith_proxy.catalog.actions import Actions
from appsmith_proxy.catalog.applications import Applications
from appsmith_proxy.catalog.datasources import Datasources
from appsmith_proxy.catalog.plans import Plans
from appsmith_proxy.catalog.workspaces import Workspaces


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """What editors can do."""

    workspaces: Workspaces
    applications: Applications
    datasources: Datasources
    actions: Actions
    plans: Plans
