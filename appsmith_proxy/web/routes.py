"""The table of routes: everything that can be called, who may call it, what goes in and what comes out.

One row is the whole truth about a route: dispatch, authorization, parsing, the OpenAPI document and
``docs/reference/api.md`` are made from it. A row without a permission cannot be built.
"""

from collections.abc import Iterator
from typing import Final

from appsmith_proxy.access.policy import Permission
from appsmith_proxy.web import answers, answers_datasources, answers_execution, answers_plans, handlers, models
from appsmith_proxy.web.handlers import Show, VerbsOf
from appsmith_proxy.web.route import Route


def _records(
    name: str,
    *,
    verbs: VerbsOf,
    show: Show,
    answer: type[models.Wire],
    page: type[models.Wire],
    body: type[models.Wire],
    patch: type[models.Wire],
    query: type[models.Wire],
    may_read: Permission,
    may_manage: Permission,
) -> Iterator[Route]:
    """Yield the five routes of one kind of record, ``name`` in the plural."""
    one = f"/{name}/{{id}}"
    yield Route(
        method="POST",
        path=f"/{name}",
        handler=handlers.create(verbs, show),
        permission=may_manage,
        summary=f"Create one of the {name}",
        body=body,
        answer=answer,
        status=201,
    )
    yield Route(
        method="GET",
        path=f"/{name}",
        handler=handlers.list_page(verbs, show),
        permission=may_read,
        summary=f"List your {name}, a page at a time, in id order",
        query=query,
        answer=page,
    )
    yield Route(
        method="GET",
        path=one,
        handler=handlers.read(verbs, show),
        permission=may_read,
        summary=f"Read one of the {name}",
        answer=answer,
    )
    yield Route(
        method="PATCH",
        path=one,
        handler=handlers.patch(verbs, show),
        permission=may_manage,
        summary=f"Change one of the {name}: JSON Merge Patch, with the revision that you read",
        body=patch,
        answer=answer,
    )
    yield Route(
        method="DELETE",
        path=one,
        handler=handlers.delete(verbs),
        permission=may_manage,
        summary=f"Delete one of the {name}; 409 says by what it is still in use",
    )


ROUTES: Final[tuple[Route, ...]] = (
    Route(
        method="POST",
        path="/actions/execute",
        permission=Permission.ACTION_EXECUTE,
        summary="Execute an action; a query that fails is a 200 with isExecutionSuccess false. "
        "With the header Idempotency-Key what writes runs once",
        body=models.ExecuteBody,
        answer=answers_execution.ExecutionAnswer,
    ),
    Route(
        method="GET",
        path="/actions/view",
        handler=handlers.view,
        permission=Permission.ACTION_VIEW,
        summary="List the published actions of an application, without what they do",
        query=models.ViewQuery,
        answer=answers.ActionViewAnswer,
        answers_list=True,
    ),
    *_records(
        "workspaces",
        verbs=lambda services: services.catalog.workspaces,
        show=answers.WorkspaceAnswer.of,
        answer=answers.WorkspaceAnswer,
        page=answers.PageAnswer[answers.WorkspaceAnswer],
        body=models.WorkspaceBody,
        patch=models.WorkspacePatch,
        query=models.ListQuery,
        may_read=Permission.WORKSPACE_READ,
        may_manage=Permission.WORKSPACE_MANAGE,
    ),
    *_records(
        "applications",
        verbs=lambda services: services.catalog.applications,
        show=answers.ApplicationAnswer.of,
        answer=answers.ApplicationAnswer,
        page=answers.PageAnswer[answers.ApplicationAnswer],
        body=models.ApplicationBody,
        patch=models.ApplicationPatch,
        query=models.ApplicationListQuery,
        may_read=Permission.APPLICATION_READ,
        may_manage=Permission.APPLICATION_MANAGE,
    ),
    Route(
        method="POST",
        path="/applications/{id}/publish",
        handler=handlers.publish,
        permission=Permission.APPLICATION_PUBLISH,
        summary="Make the drafts of an application what viewers execute, all or nothing",
        answer=answers.PublishAnswer,
    ),
    *_records(
        "datasources",
        verbs=lambda services: services.catalog.datasources,
        show=answers.DatasourceAnswer.of,
        answer=answers.DatasourceAnswer,
        page=answers.PageAnswer[answers.DatasourceAnswer],
        body=models.DatasourceBody,
        patch=models.DatasourcePatch,
        query=models.DatasourceListQuery,
        may_read=Permission.DATASOURCE_READ,
        may_manage=Permission.DATASOURCE_MANAGE,
    ),
    Route(
        method="POST",
        path="/datasources/test",
        handler=handlers.test_new,
        permission=Permission.DATASOURCE_MANAGE,
        summary="Try a datasource before it is stored",
        body=models.DatasourceBody,
        answer=answers_datasources.ProbeAnswer,
    ),
    Route(
        method="POST",
        path="/datasources/{id}/test",
        handler=handlers.test,
        permission=Permission.DATASOURCE_MANAGE,
        summary="Try a stored datasource",
        answer=answers_datasources.ProbeAnswer,
    ),
    Route(
        method="GET",
        path="/datasources/{id}/structure",
        handler=handlers.structure,
        permission=Permission.DATASOURCE_READ,
        summary="Describe what a datasource holds, with statements to start from",
        query=models.StructureQuery,
        answer=answers_datasources.StructureAnswer,
    ),
    *_records(
        "actions",
        verbs=lambda services: services.catalog.actions,
        show=answers.ActionAnswer.of,
        answer=answers.ActionAnswer,
        page=answers.PageAnswer[answers.ActionAnswer],
        body=models.ActionBody,
        patch=models.ActionPatch,
        query=models.ActionListQuery,
        may_read=Permission.ACTION_READ,
        may_manage=Permission.ACTION_MANAGE,
    ),
    Route(
        method="POST",
        path="/actions/compile",
        handler=handlers.compile_action,
        permission=Permission.ACTION_MANAGE,
        summary="Explain an action without saving it: its statements, and what is wrong with it",
        body=models.CompileBody,
        answer=answers_plans.PlanAnswer,
    ),
    Route(
        method="POST",
        path="/workspaces/{id}/plans/check",
        handler=handlers.check_plans,
        permission=Permission.ACTION_MANAGE,
        summary="Ask the datasources whether every published plan of a workspace still holds",
        answer=answers_plans.PlanChecksAnswer,
    ),
    Route(
        method="GET",
        path="/plugins",
        handler=handlers.plugins,
        permission=Permission.PLUGIN_READ,
        summary="List the kinds of datasources, their fields as JSON Schema, and what became of each plugin",
        answer=answers_datasources.PluginsAnswer,
    ),
    Route(
        method="GET",
        path="/me",
        handler=handlers.me,
        permission=Permission.SELF_READ,
        summary="Say who you are",
        answer=answers.MeAnswer,
    ),
    Route(
        method="GET",
        path="/health/live",
        handler=handlers.live,
        permission=Permission.PUBLIC,
        summary="Say that the process answers",
        answer=answers.HealthAnswer,
    ),
    Route(
        method="GET",
        path="/health/ready",
        handler=handlers.ready,
        permission=Permission.PUBLIC,
        summary="Say that requests can be served; 503 when not, and while the server drains",
        answer=answers.HealthAnswer,
    ),
)
"""Every route but ``/openapi.json``, which describes these and is added where they are served (``api.py``)."""
