"""What answers hold: pydantic models that the OpenAPI document is made from, each made from one of the proxy's nouns."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Generic, Self, TypeVar

from pydantic import ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from appsmith_proxy.access.policy import ROLES
from appsmith_proxy.catalog.views import ActionDetails, ActionSummary, PublishReport, TestReport
from appsmith_proxy.errors import DatasourceError, ProxyError
from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.model.principal import Principal
from appsmith_proxy.model.records import Application, Datasource, Workspace
from appsmith_proxy.registry.report import ReportEntry
from appsmith_proxy.sdk import Driver, Structure, StructureTable, json_schema
from appsmith_proxy.web.models import Numbers, ParameterBody, Wire

T = TypeVar("T", bound=Wire)


class Shown(Wire):
    """The base of answers: made by name here, written by alias."""

    model_config = ConfigDict(validate_by_name=True)


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


class ProbeErrorAnswer(Shown):
    """Why a datasource cannot be used, for editors."""

    code: str
    title: str
    message: str
    hint: str
    details: list[dict[str, Any]]
    native_code: str
    native_message: str

    @classmethod
    def of(cls, error: ProxyError) -> Self:
        """Show an error to an editor, the datasource's own words among it."""
        native = error if isinstance(error, DatasourceError) else None
        return cls(
            code=error.code,
            title=error.title,
            message=error.message,
            hint=error.hint,
            details=[problem.as_json() for problem in error.details],
            native_code=native.native_code if native else "",
            native_message=native.native_message if native else "",
        )


class ProbeAnswer(Shown):
    """Whether a datasource can be used."""

    success: bool
    server: str
    warnings: list[str]
    error: ProbeErrorAnswer | None
    chain: list[str] = Field(description="the certificates the server presented, when TLS failed")

    @classmethod
    def of(cls, report: TestReport) -> Self:
        """Show a report."""
        return cls(
            success=report.success,
            server=report.server,
            warnings=list(report.warnings),
            error=None if report.error is None else ProbeErrorAnswer.of(report.error),
            chain=list(report.chain),
        )


class ColumnAnswer(Shown):
    """One column of a table."""

    name: str
    type: str
    nullable: bool
    default_value: str | None
    generated: bool


class KeyAnswer(Shown):
    """One key of a table; the ``referenced…`` fields are for foreign keys."""

    name: str
    type: str
    columns: list[str]
    referenced_schema: str
    referenced_table: str
    referenced_columns: list[str]


class TemplateAnswer(Shown):
    """A statement to start an action from."""

    title: str
    body: str
    suggested: bool


class TableAnswer(Shown):
    """One table or view."""

    name: str
    schema_name: str = Field(alias="schema")
    type: str
    columns: list[ColumnAnswer]
    keys: list[KeyAnswer]
    templates: list[TemplateAnswer]

    @classmethod
    def of(cls, table: StructureTable) -> Self:
        """Show a table."""
        return cls.model_validate(
            {
                "name": table.name,
                "schema": table.schema,
                "type": table.kind.upper(),
                "columns": [
                    ColumnAnswer(
                        name=row.name,
                        type=row.type,
                        nullable=row.nullable,
                        default_value=row.default,
                        generated=row.generated,
                    )
                    for row in table.columns
                ],
                "keys": [
                    KeyAnswer(
                        name=key.name,
                        type=key.kind.value,
                        columns=list(key.columns),
                        referenced_schema=key.referenced_schema,
                        referenced_table=key.referenced_table,
                        referenced_columns=list(key.referenced_columns),
                    )
                    for key in table.keys
                ],
                "templates": [
                    TemplateAnswer(title=row.title, body=row.body, suggested=row.suggested) for row in table.starters
                ],
            }
        )


class StructureAnswer(Shown):
    """What a datasource holds, in name order."""

    tables: list[TableAnswer]
    next: str | None

    @classmethod
    def of(cls, structure: Structure) -> Self:
        """Show a structure."""
        return cls(tables=[TableAnswer.of(table) for table in structure.tables], next=structure.next)


class KindAnswer(Shown):
    """A sort of datasource."""

    kind: str
    title: str
    api_version: int
    payload: str
    capabilities: list[str]
    configuration: dict[str, Any] = Field(description="JSON Schema of a datasource's configuration")
    action: dict[str, Any] = Field(description="JSON Schema of an action's configuration")

    @classmethod
    def of(cls, driver: Driver) -> Self:
        """Show a driver."""
        return cls(
            kind=driver.kind,
            title=driver.title,
            api_version=driver.api_version,
            payload=driver.payload.value,
            capabilities=sorted(driver.capabilities),
            configuration=json_schema(driver.fields),
            action=json_schema(driver.actions),
        )


class ReportAnswer(Shown):
    """What became of a plugin."""

    name: str
    status: str
    reason: str
    distribution: str
    version: str
    kinds: list[str]

    @classmethod
    def of(cls, entry: ReportEntry) -> Self:
        """Show an entry."""
        return cls(
            name=entry.name,
            status=entry.status.value,
            reason=entry.reason,
            distribution=entry.distribution,
            version=entry.version,
            kinds=list(entry.kinds),
        )


class PluginsAnswer(Shown):
    """What can be plugged in."""

    kinds: list[KindAnswer]
    report: list[ReportAnswer]

    @classmethod
    def of(cls, drivers: Mapping[str, Driver], report: tuple[ReportEntry, ...]) -> Self:
        """Show the registry."""
        return cls(
            kinds=[KindAnswer.of(drivers[kind]) for kind in sorted(drivers)],
            report=[ReportAnswer.of(entry) for entry in report],
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


class ExecutedColumn(Shown):
    """One column of a result."""

    name: str
    type: str
    native_type: str = Field(default="", description="the datasource's own name of the type; to editors only")


class DataType(Shown):
    """One way in which a front end can show the body."""

    data_type: str


class ShownRequestAnswer(Shown):
    """The request as it was sent, before credentials were added; null to viewers."""

    query: str
    execution_parameters: list[Any]


class PluginErrorAnswer(Shown):
    """Why a query failed. The downstream fields are the datasource's own words, for editors only."""

    title: str
    error_type: str
    appsmith_error_code: str
    appsmith_error_message: str
    downstream_error_code: str | None
    downstream_error_message: str | None


class ExecutionAnswer(Shown):
    """The answer of an executed action. Written by ``envelope.execution_data``; a test holds the two together."""

    status_code: str | None = Field(description="an error's code, or an API's status line")
    title: str | None
    error_type: str | None
    headers: dict[str, list[str]] | None
    body: Any = Field(description="row objects, [{affectedRows}], an API's body, or the text of an error")
    readable_error: str | None
    is_execution_success: bool
    messages: list[str]
    request: ShownRequestAnswer | None
    data_types: list[DataType]
    plugin_error_details: PluginErrorAnswer | None
    columns: list[ExecutedColumn]
    truncated: bool = Field(description="a limit cut the answer; that is no error")
    execution_id: str


class ProblemAnswer(Shown):
    """One thing that is wrong, and where."""

    path: str
    message: str
    line: int | None = None
    column: int | None = None
    hint: str | None = None


class ErrorAnswer(Shown):
    """Why a request failed."""

    code: str
    message: str
    title: str
    error_type: str
    hint: str | None = None
    details: list[ProblemAnswer] | None = None


def _parameter(declared: DeclaredParameter) -> ParameterBody:
    names = {name: row.alias or name for name, row in ParameterBody.model_fields.items()}
    values = {names[name]: getattr(declared, name) for name in names}
    values["choices"] = list(declared.choices)
    return ParameterBody.model_validate(values)
