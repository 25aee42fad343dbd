"""What the web room needs of the runtime, as shapes: whoever has them can be served."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from appsmith_proxy.catalog.views import (
    ActionDetails,
    ActionSummary,
    ExplainedPlan,
    Page,
    PlanReport,
    PublishReport,
    TestReport,
)
from appsmith_proxy.gateway.execution import ExecuteCall, Execution
from appsmith_proxy.model.principal import Principal
from appsmith_proxy.model.records import Application, Datasource, Workspace
from appsmith_proxy.registry.report import ReportEntry
from appsmith_proxy.sdk import Driver, Structure

View = TypeVar("View")


class Authenticator(Protocol):
    """Who is calling."""

    def authenticate_cached(self, authorization: str | None, /) -> Principal | None:
        """Return the caller if that needs no I/O."""

    async def authenticate(self, authorization: str | None, /) -> Principal:
        """Return the caller, or raise Unauthenticated."""


class Executes(Protocol):
    """The ladder."""

    async def execute(self, call: ExecuteCall, /) -> Execution:
        """Run one action."""


class Verbs(Protocol[View]):
    """What editors do with one kind of record. It checks the caller's rights on the object itself."""

    async def create(self, principal: Principal, values: Mapping[str, Any], /) -> View:
        """Create a record."""

    async def list(self, principal: Principal, /, *, where: Mapping[str, str], after: str, limit: int) -> Page[View]:
        """Return a part of the records."""

    async def get(self, principal: Principal, record_id: str, /) -> View:
        """Return one record."""

    async def patch(self, principal: Principal, record_id: str, /, *, revision: int, values: Mapping[str, Any]) -> View:
        """Change one record."""

    async def delete(self, principal: Principal, record_id: str, /) -> None:
        """Delete one record."""


class ApplicationVerbs(Verbs[Application], Protocol):
    """Applications can be published."""

    async def publish(self, principal: Principal, record_id: str, /) -> PublishReport:
        """Make every draft the published copy."""


class DatasourceVerbs(Verbs[Datasource], Protocol):
    """Datasources can be tested and described."""

    async def test(self, principal: Principal, record_id: str, /) -> TestReport:
        """Try a stored datasource."""

    async def test_new(self, principal: Principal, values: Mapping[str, Any], /) -> TestReport:
        """Try a datasource before it is stored."""

    async def structure(
        self, principal: Principal, record_id: str, /, *, path: tuple[str, ...], page: str | None
    ) -> Structure:
        """Describe what a datasource holds."""


class ActionVerbs(Verbs[ActionDetails], Protocol):
    """Published actions can be listed for viewers."""

    async def view(self, principal: Principal, application_id: str, /) -> tuple[ActionSummary, ...]:
        """Return what viewers may know."""


class PlanVerbs(Protocol):
    """Plans can be looked at before anything is saved."""

    async def compile(self, principal: Principal, values: Mapping[str, Any], /) -> ExplainedPlan:
        """Explain an action that is not saved."""

    async def check(self, principal: Principal, workspace_id: str, /) -> tuple[PlanReport, ...]:
        """Look at every published plan of a workspace."""


class Catalog(Protocol):
    """The editors' verbs."""

    @property
    def workspaces(self) -> Verbs[Workspace]:
        """Of workspaces."""

    @property
    def applications(self) -> ApplicationVerbs:
        """Of applications."""

    @property
    def datasources(self) -> DatasourceVerbs:
        """Of datasources."""

    @property
    def actions(self) -> ActionVerbs:
        """Of actions."""

    @property
    def plans(self) -> PlanVerbs:
        """Of plans."""


class Drivers(Protocol):
    """What can be plugged in."""

    def drivers(self) -> Mapping[str, Driver]:
        """Return the usable drivers by kind."""

    def report(self) -> tuple[ReportEntry, ...]:
        """Return what became of each plugin."""


class Services(Protocol):
    """The runtime, as the web room sees it."""

    @property
    def authenticator(self) -> Authenticator:
        """Who is calling."""

    @property
    def executor(self) -> Executes:
        """The ladder."""

    @property
    def catalog(self) -> Catalog:
        """The editors' verbs."""

    @property
    def registry(self) -> Drivers:
        """What can be plugged in."""

    async def ready(self) -> None:
        """Return when requests can be served, raise a ProxyError when not."""
