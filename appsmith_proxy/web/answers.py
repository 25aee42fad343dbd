"""What answers hold: pydantic models that the OpenAPI document is made from, each made from one of the proxy's nouns."""

from datetime import datetime
from typing import Any, Generic, Self, TypeVar

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from appsmith_proxy.access.policy import ROLES
from appsmith_proxy.catalog.views import ActionDetails, ActionSummary, PublishReport
from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.model.principal import Principal
from appsmith_proxy.model.records import Application, Datasource, Workspace
from appsmith_proxy.web.models import Numbers, ParameterBody, Shown, Wire

T = TypeVar("T", bound=Wire)


class WorkspaceAnswer(Shown):
    """A workspace."""

    id: str
    name: str
    revision: int

    @classmethod
    def of(cls, record: Workspace) -> Self:
        """Show a record."""
        return cls(id=record.id, name=record.name, revision=record.revision)


class ApplicationAnswer(Shown):
    """An application."""

    id: str
    workspace_id: str
    name: str
    published_at: datetime | None
    revision: int

    @classmethod
    def of(cls, record: Application) -> Self:
        """Show a record."""
        return cls(
            id=record.id,
            workspace_id=record.workspace_id,
            name=record.name,
            published_at=record.published_at,
            revision=record.revision,
        )


class DatasourceAnswer(Shown):
    """A datasource: its plain fields, and of its secrets only which are set."""

    id: str
    workspace_id: str
    name: str
    kind: str
    configuration: dict[str, Any]
    secrets_set: list[str]
    revision: int

    @classmethod
    def of(cls, record: Datasource) -> Self:
        """Show a record."""
        return cls(
            id=record.id,
            workspace_id=record.workspace_id,
            name=record.name,
            kind=record.kind,
            configuration=dict(record.configuration),
            secrets_set=sorted(record.secrets),
            revision=record.revision,
        )


class BindingAnswer(Shown):
    """A name in an action, and who fills it in."""

    name: str
    source: str = Field(description="trusted: the server; client: the caller")


class ActionAnswer(Shown):
    """An action as editors see it: its draft."""

    id: str
    workspace_id: str
    application_id: str
    datasource_id: str
    name: str
    configuration: dict[str, Any]
    parameters: list[ParameterBody]
    timeout_ms: int
    read_only: bool | None
    allow_ddl: bool
    max_affected_rows: int | None
    numbers: Numbers
    confirm_before_execute: bool
    cancel_on_disconnect: bool
    user_messages: dict[str, str]
    bindings: list[BindingAnswer]
    checked: bool = Field(description="the datasource itself accepted the draft when it was saved")
    warnings: list[str]
    published: bool = Field(description="viewers have a copy of it, though perhaps an older one")
    revision: int

    @classmethod
    def of(cls, details: ActionDetails) -> Self:
        """Show an action with what the compiler found."""
        action, draft = details.action, details.action.draft
        return cls(
            id=action.id,
            workspace_id=action.workspace_id,
            application_id=action.application_id,
            datasource_id=draft.datasource_id,
            name=draft.name,
            configuration=dict(draft.configuration),
            parameters=[_parameter(declared) for declared in draft.parameters],
            timeout_ms=draft.timeout_ms,
            read_only=draft.read_only,
            allow_ddl=draft.allow_ddl,
            max_affected_rows=draft.max_affected_rows,
            numbers="number" if draft.numbers == "number" else "string",
            confirm_before_execute=draft.confirm_before_execute,
            cancel_on_disconnect=draft.cancel_on_disconnect,
            user_messages=dict(draft.user_messages),
            bindings=[BindingAnswer(name=row.name, source=row.source.value) for row in details.bindings],
            checked=draft.checked,
            warnings=list(details.warnings),
            published=action.published is not None,
            revision=action.revision,
        )


class PageAnswer(Shown, Generic[T]):
    """A part of a list."""

    items: list[T]
    next: str | None = Field(description="``after`` of the next page; null at the end")


class PublishedActionAnswer(Shown):
    """One action of a publication."""

    id: str
    name: str
    warnings: list[str]


class PublishAnswer(Shown):
    """What was published."""

    application: ApplicationAnswer
    actions: list[PublishedActionAnswer]

    @classmethod
    def of(cls, report: PublishReport) -> Self:
        """Show a report."""
        return cls(
            application=ApplicationAnswer.of(report.application),
            actions=[
                PublishedActionAnswer(id=row.id, name=row.name, warnings=list(row.warnings)) for row in report.actions
            ],
        )


class UserAnswer(Shown):
    """The person behind a caller; null is what is not known."""

    id: str | None
    email: str | None
    name: str | None
    groups: list[str] | None
    roles: list[str] | None


class MeAnswer(Shown):
    """Who is calling."""

    id: str = Field(description="of the token")
    role: str
    workspace_id: str | None = Field(description="null: every workspace")
    permissions: list[str]
    user: UserAnswer

    @classmethod
    def of(cls, principal: Principal) -> Self:
        """Show a caller to itself."""
        user = principal.user
        return cls(
            id=principal.id,
            role=principal.role.value,
            workspace_id=principal.workspace_id,
            permissions=sorted(ROLES[principal.role]),
            user=UserAnswer(
                id=user.id,
                email=user.email,
                name=user.name,
                groups=None if user.groups is None else list(user.groups),
                roles=None if user.roles is None else list(user.roles),
            ),
        )


class ActionViewAnswer(Shown):
    """What a viewer's front end may know of a published action: these fields and no others."""

    id: str
    base_id: str
    name: str
    page_id: str | None = Field(description="null: there are no pages yet")
    timeout_in_millisecond: int
    confirm_before_execute: bool
    json_path_keys: list[str] = Field(default=[], description="the bindings to send; left out when there are none")

    @classmethod
    def of(cls, summary: ActionSummary) -> Self:
        """Show a published action."""
        return cls(
            id=summary.id,
            base_id=summary.id,
            name=summary.name,
            page_id=None,
            timeout_in_millisecond=summary.timeout_ms,
            confirm_before_execute=summary.confirm_before_execute,
            json_path_keys=list(summary.client_names),
        )

    @model_serializer(mode="wrap")
    def _without_empty_keys(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        shown: dict[str, Any] = serialize(self)
        if not self.json_path_keys:
            shown.pop("jsonPathKeys", None)
        return shown


class HealthAnswer(Shown):
    """The server's health."""

    status: str


def _parameter(declared: DeclaredParameter) -> ParameterBody:
    names = {name: row.alias or name for name, row in ParameterBody.model_fields.items()}
    values = {names[name]: getattr(declared, name) for name in names}
    values["choices"] = list(declared.choices)
    values["fields"] = [_parameter(field) for field in declared.fields]
    return ParameterBody.model_validate(values)
