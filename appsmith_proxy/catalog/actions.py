"""Actions: create, read, change, delete; and what viewers may know of the published ones."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Final, final

from appsmith_proxy.access.policy import Permission, allowed
from appsmith_proxy.catalog.checking import Check, Checker
from appsmith_proxy.catalog.merge import merge_patch
from appsmith_proxy.catalog.records import Records, check_revision, missing
from appsmith_proxy.catalog.views import ActionDetails, ActionSummary, Page
from appsmith_proxy.errors import InvalidRequest, Problem
from appsmith_proxy.model.ids import new_id
from appsmith_proxy.model.principal import Principal
from appsmith_proxy.model.records import DEFAULT_TIMEOUT_MS, Action, ActionCopy, Application, Datasource
from appsmith_proxy.store.contract import Delete, Put, Require

_MERGED: Final = ("configuration", "user_messages")
"""Fields of a copy that a patch merges into; all others it replaces."""


@final
class Actions:
    """The verbs of actions."""

    def __init__(self, records: Records, checker: Checker, *, max_timeout_ms: int) -> None:
        self._records = records
        self._checker = checker
        self._max_timeout_ms = max_timeout_ms

    async def create(self, principal: Principal, values: Mapping[str, Any]) -> ActionDetails:
        """Create an action with its draft.

        Raises:
            InvalidRequest: the template or a declaration is wrong, or the datasource refuses the statement.
            NotFound: no such application or datasource in the caller's workspace.
            NameTaken: the application has an action of that name.
        """
        application = await self._records.read(
            principal, Application, values["application_id"], Permission.ACTION_MANAGE
        )
        given = {name: value for name, value in values.items() if name != "application_id"}
        if given.get("timeout_ms") is None:
            given["timeout_ms"] = min(DEFAULT_TIMEOUT_MS, self._max_timeout_ms)
        copy = ActionCopy(**given)
        action = Action(id=new_id(), workspace_id=application.workspace_id, application_id=application.id, draft=copy)
        return await self._save(principal, action)

    async def list(
        self, principal: Principal, *, where: Mapping[str, str], after: str, limit: int
    ) -> Page[ActionDetails]:
        """Return actions, as editors see them."""
        page = await self._records.page(
            principal, Action, Permission.ACTION_READ, where=where, after=after, limit=limit
        )
        items = tuple([await self._details(principal, action) for action in page.items])
        return Page(items=items, next=page.next)

    async def get(self, principal: Principal, record_id: str) -> ActionDetails:
        """Return one action, as an editor sees it."""
        return await self._details(
            principal, await self._records.read(principal, Action, record_id, Permission.ACTION_READ)
        )

    async def patch(
        self, principal: Principal, record_id: str, *, revision: int, values: Mapping[str, Any]
    ) -> ActionDetails:
        """Change an action's draft: ``configuration`` and ``user_messages`` merge, everything else replaces.

        Raises:
            StaleRevision, InvalidRequest, NotFound, NameTaken: nothing was changed.
        """
        action = await self._records.read(principal, Action, record_id, Permission.ACTION_MANAGE)
        check_revision(action, revision)
        return await self._save(principal, replace(action, draft=_patched(action.draft, values)))

    async def delete(self, principal: Principal, record_id: str) -> None:
        """Delete an action, its draft and its published copy."""
        action = await self._records.read(principal, Action, record_id, Permission.ACTION_MANAGE)
        await self._records.commit(Delete(Action, action.id, expected=action.revision))

    async def view(self, principal: Principal, application_id: str) -> tuple[ActionSummary, ...]:
        """Return what a viewer's front end may know of an application's published actions.

        Raises:
            NotFound: no such application, or not the caller's.
        """
        application = await self._records.read(principal, Application, application_id, Permission.ACTION_VIEW)
        actions = await self._records.all(Action, where={"application_id": application.id})
        summaries = []
        for action in actions:
            copy = action.published
            if copy is None or not allowed(principal, Permission.ACTION_EXECUTE, action.workspace_id):
                continue
            datasource = await self._records.read(
                principal, Datasource, copy.datasource_id, Permission.DATASOURCE_EXECUTE
            )
            plan = (await self._checker.compile(datasource, copy)).plan
            summaries.append(
                ActionSummary(
                    id=action.id,
                    name=copy.name,
                    timeout_ms=copy.timeout_ms,
                    confirm_before_execute=copy.confirm_before_execute,
                    client_names=plan.client_names if plan is not None else (),
                )
            )
        return tuple(summaries)

    async def _save(self, principal: Principal, action: Action) -> ActionDetails:
        copy = action.draft
        if not 1 <= copy.timeout_ms <= self._max_timeout_ms:
            raise _invalid("timeoutMs", f"must be between 1 and {self._max_timeout_ms}")
        datasource = await self._records.read(principal, Datasource, copy.datasource_id, Permission.DATASOURCE_EXECUTE)
        if datasource.workspace_id != action.workspace_id:
            raise missing(Datasource)
        check = await self._checker.check(datasource, copy)
        if check.problems:
            raise InvalidRequest("the action cannot be saved", details=check.problems)
        saved = replace(action, draft=replace(copy, checked=check.checked))
        await self._records.commit(
            Require(Application, action.application_id, {"workspace_id": action.workspace_id}),
            Require(Datasource, datasource.id, {"workspace_id": action.workspace_id}),
            Put(saved, expected=action.revision),
        )
        return _details(await self._records.reread(Action, action.id), check)

    async def _details(self, principal: Principal, action: Action) -> ActionDetails:
        datasource = await self._records.read(
            principal, Datasource, action.draft.datasource_id, Permission.DATASOURCE_EXECUTE
        )
        return _details(action, await self._checker.compile(datasource, action.draft))


def _patched(copy: ActionCopy, values: Mapping[str, Any]) -> ActionCopy:
    changed: dict[str, Any] = {}
    defaults = {row.name: row.default for row in fields(ActionCopy)}
    for name, value in values.items():
        if value is None:
            changed[name] = {} if name in _MERGED else defaults[name]
        elif name in _MERGED:
            changed[name] = merge_patch(getattr(copy, name), value)
        else:
            changed[name] = value
    return replace(copy, **changed)


def _details(action: Action, check: Check) -> ActionDetails:
    if check.plan is not None:
        return ActionDetails(action=action, bindings=check.plan.bindings, warnings=check.warnings)
    # Saved when it compiled; what it lacks now (its driver, mostly) must not hide it, nor the others in its list.
    return ActionDetails(action=action, bindings=(), warnings=tuple(problem.message for problem in check.problems))


def _invalid(path: str, message: str) -> InvalidRequest:
    return InvalidRequest("the action cannot be saved", details=(Problem(path, message),))
