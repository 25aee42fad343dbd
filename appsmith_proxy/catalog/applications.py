"""Applications: create, read, rename, delete, and publish all their actions together."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, final

from appsmith_proxy.access.policy import Permission, allowed
from appsmith_proxy.catalog.checking import Checker
from appsmith_proxy.catalog.records import Records, check_revision, missing
from appsmith_proxy.catalog.views import Page, PublishedAction, PublishReport
from appsmith_proxy.errors import InvalidRequest, Problem
from appsmith_proxy.gateway.plan_seals import PlanSeals
from appsmith_proxy.model.ids import new_id
from appsmith_proxy.model.principal import Principal
from appsmith_proxy.model.records import Action, Application, Datasource, Workspace
from appsmith_proxy.store.contract import Change, Delete, Put, Require, RequireNone


@final
class Applications:
    """The verbs of applications."""

    def __init__(self, records: Records, checker: Checker, seals: PlanSeals) -> None:
        self._records = records
        self._checker = checker
        self._seals = seals

    async def create(self, principal: Principal, values: Mapping[str, Any]) -> Application:
        """Create an application in a workspace.

        Raises:
            NotFound: no such workspace, or not the caller's.
            NameTaken: the workspace has one of that name.
        """
        application = Application(id=new_id(), workspace_id=values["workspace_id"], name=values["name"])
        if not allowed(principal, Permission.APPLICATION_MANAGE, application.workspace_id):
            raise missing(Workspace)
        await self._records.commit(Require(Workspace, application.workspace_id, {}), Put(application, expected=0))
        return await self._records.reread(Application, application.id)

    async def list(
        self, principal: Principal, *, where: Mapping[str, str], after: str, limit: int
    ) -> Page[Application]:
        """Return the applications of the caller's workspaces."""
        return await self._records.page(
            principal, Application, Permission.APPLICATION_READ, where=where, after=after, limit=limit
        )

    async def get(self, principal: Principal, record_id: str) -> Application:
        """Return one application."""
        return await self._records.read(principal, Application, record_id, Permission.APPLICATION_READ)

    async def patch(
        self, principal: Principal, record_id: str, *, revision: int, values: Mapping[str, Any]
    ) -> Application:
        """Rename an application."""
        application = await self._records.read(principal, Application, record_id, Permission.APPLICATION_MANAGE)
        check_revision(application, revision)
        await self._records.commit(Put(replace(application, **values), expected=revision))
        return await self._records.reread(Application, record_id)

    async def delete(self, principal: Principal, record_id: str) -> None:
        """Delete an application without actions.

        Raises:
            InUse: it still has actions.
        """
        application = await self._records.read(principal, Application, record_id, Permission.APPLICATION_MANAGE)
        await self._records.commit(
            RequireNone(Action, {"application_id": application.id}),
            Delete(Application, application.id, expected=application.revision),
        )

    async def publish(self, principal: Principal, record_id: str) -> PublishReport:
        """Make every draft of the application the published copy, all or nothing.

        Each is compiled anew, checked by its datasource where that can be reached, and sealed.

        Raises:
            InvalidRequest: some actions do not compile or are refused; nothing was published, ``details`` has all.
            StaleRevision: an action changed meanwhile; publish again.
        """
        application = await self._records.read(principal, Application, record_id, Permission.APPLICATION_PUBLISH)
        actions = await self._records.all(Action, where={"application_id": application.id})
        changes: list[Change] = []
        published: list[PublishedAction] = []
        problems: list[Problem] = []
        for action in actions:
            datasource = await self._records.read(
                principal, Datasource, action.draft.datasource_id, Permission.DATASOURCE_EXECUTE
            )
            check = await self._checker.check(datasource, action.draft)
            problems.extend(replace(problem, path=f"actions/{action.id}/{problem.path}") for problem in check.problems)
            if check.plan is None:
                continue
            copy = replace(action.draft, checked=check.checked)
            sealed = self._seals.seal(action, copy, datasource, check.plan, check.reported)
            changes.append(Put(replace(action, draft=copy, published=sealed), expected=action.revision))
            published.append(PublishedAction(id=action.id, name=copy.name, warnings=check.warnings))
        if problems:
            raise InvalidRequest(
                "some actions cannot be published, so none was",
                hint="correct them and publish again",
                details=tuple(problems),
            )
        now = replace(application, published_at=datetime.now(UTC))
        await self._records.commit(*changes, Put(now, expected=application.revision))
        return PublishReport(
            application=await self._records.reread(Application, application.id), actions=tuple(published)
        )
