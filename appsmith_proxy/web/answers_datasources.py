"""What answers about datasources hold: whether one can be used, what it holds, and which kinds there are."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field

from appsmith_proxy.catalog.views import TestReport
from appsmith_proxy.errors import DatasourceError, ProxyError
from appsmith_proxy.registry.report import ReportEntry
from appsmith_proxy.sdk import Driver, Structure, StructureTable, json_schema
from appsmith_proxy.web.models import Shown


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
