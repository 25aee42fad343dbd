"""What requests may hold: pydantic models that parse bodies and queries, and that the OpenAPI document is made from.

Strict on purpose: no unknown field, no text where a number is meant, no null where nothing says so. Names are camelCase
on the wire and snake_case here.
"""

from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from appsmith_proxy.model.ids import ID_PATTERN
from appsmith_proxy.model.parameters import MAX_ITEMS, MAX_ROWS, DeclaredParameter
from appsmith_proxy.model.records import DEFAULT_TIMEOUT_MS
from appsmith_proxy.sdk import ParameterType

Id: TypeAlias = Annotated[str, Field(pattern=f"^{ID_PATTERN.pattern}$", description="24 lower-case hexadecimal digits")]
Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$")]
Revision: TypeAlias = Annotated[int, Field(ge=0, description="of the record as you read it; a stale one gets 409")]
Numbers: TypeAlias = Literal["string", "number"]
Configuration: TypeAlias = Annotated[
    dict[str, Any], Field(description="by the driver's table of fields: see GET /plugins", max_length=100)
]
MAX_PAGE: Final = 500
DEFAULT_PAGE: Final = 100


def _check_bound(value: Any) -> Any:
    if value is None or (isinstance(value, int | float | str) and not isinstance(value, bool)):
        return value
    raise PydanticCustomError("bound_type", "must be a number or text")


Bound: TypeAlias = Annotated[
    Any,
    AfterValidator(_check_bound),
    WithJsonSchema({"type": ["number", "string", "null"], "description": "for dates and times their ISO text"}),
]
Length: TypeAlias = Annotated[int, Field(ge=0)] | None
TimeoutMs: TypeAlias = Annotated[int, Field(ge=1, description="until the execution is cancelled")]
AffectedRows: TypeAlias = Annotated[int, Field(ge=0, description="a write that changes more rows is rolled back")]
UserMessage: TypeAlias = Annotated[str, Field(max_length=1_024)]
UserMessages: TypeAlias = Annotated[
    dict[str, UserMessage],
    Field(max_length=100, description="error code or constraint → what a viewer is told"),
]
Parameters: TypeAlias = Annotated[list["ParameterBody"], Field(max_length=500)]


class Wire(BaseModel):
    """The base of everything that comes in or goes out."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        alias_generator=to_camel,
        validate_by_alias=True,
        serialize_by_alias=True,
    )


class Shown(Wire):
    """The base of answers: made by name here, written by alias."""

    model_config = ConfigDict(validate_by_name=True)


class WorkspaceBody(Wire):
    """A new workspace."""

    name: Name


class WorkspacePatch(Wire):
    """A change to a workspace."""

    revision: Revision
    name: Name = Field(default_factory=str)


class ApplicationBody(Wire):
    """A new application."""

    workspace_id: Id
    name: Name


class ApplicationPatch(Wire):
    """A change to an application."""

    revision: Revision
    name: Name = Field(default_factory=str)


class DatasourceBody(Wire):
    """A new datasource. Secret fields go into ``configuration`` and come back only as names in ``secretsSet``."""

    workspace_id: Id
    name: Name
    kind: Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,63}$", description="one of GET /plugins")]
    configuration: Configuration = {}


class DatasourcePatch(Wire):
    """A change to a datasource. A secret that is left out is kept; null deletes it."""

    revision: Revision
    name: Name = Field(default_factory=str)
    configuration: Configuration = {}


class ParameterBody(Wire):
    """What an author says of a binding. Everything but the name is optional."""

    name: Annotated[str, Field(min_length=1, max_length=1_024)]
    type: Annotated[ParameterType, Field(strict=False)] | None = None
    is_list: Annotated[bool, Field(alias="list")] = False
    required: bool = True
    nullable: bool = False
    default: Any = None
    choices: Annotated[list[Any], Field(max_length=MAX_ITEMS)] = []
    min: Bound = None
    max: Bound = None
    min_length: Length = None
    max_length: Length = None
    pattern: Annotated[str, Field(max_length=1_024)] | None = None
    max_items: Annotated[int, Field(ge=1, le=MAX_ROWS)] = MAX_ITEMS
    allow_empty: bool = False
    wildcards: bool = False
    empty_is_absent: bool | None = None
    trusted_only: bool = False
    fields: Annotated[
        list["ParameterBody"], Field(max_length=200, description="of a list of objects: the columns of its rows")
    ] = []

    def declared(self) -> DeclaredParameter:
        """Return the declaration in the proxy's own words."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        values["choices"] = tuple(self.choices)
        values["fields"] = tuple(field.declared() for field in self.fields)
        values["has_default"] = self.default is not None
        return DeclaredParameter(**values)


class ActionBody(Wire):
    """A new action: its draft."""

    application_id: Id
    datasource_id: Id
    name: Name
    configuration: Configuration
    parameters: Parameters = []
    timeout_ms: Annotated[
        TimeoutMs | None, Field(description=f"null: {DEFAULT_TIMEOUT_MS}, or the operator's maximum if that is less")
    ] = None
    read_only: Annotated[bool | None, Field(description="null: true when the statement only reads")] = None
    allow_ddl: bool = False
    max_affected_rows: AffectedRows | None = None
    numbers: Numbers = "string"
    confirm_before_execute: bool = False
    cancel_on_disconnect: bool = False
    user_messages: UserMessages = {}


class ActionPatch(Wire):
    """A change to an action's draft. Null puts a field back to its default."""

    revision: Revision
    datasource_id: Id = Field(default_factory=str)
    name: Name = Field(default_factory=str)
    configuration: Configuration = {}
    parameters: Parameters | None = None
    timeout_ms: TimeoutMs | None = None
    read_only: bool | None = None
    allow_ddl: bool | None = None
    max_affected_rows: AffectedRows | None = None
    numbers: Numbers | None = None
    confirm_before_execute: bool | None = None
    cancel_on_disconnect: bool | None = None
    user_messages: Annotated[dict[str, UserMessage | None], Field(max_length=100)] | None = None


class CompileBody(Wire):
    """An action that is not saved: what its plan depends on."""

    datasource_id: Id
    configuration: Configuration
    parameters: Parameters = []
    read_only: Annotated[bool | None, Field(description="null: true when the statement only reads")] = None
    allow_ddl: bool = False


class ExecuteBody(Wire):
    """One execution, as JSON."""

    action_id: Id
    view_mode: Annotated[bool, Field(description="false asks for the draft; only an editor gets it")] = False
    params: Annotated[dict[str, Any], Field(description="binding → value; a binding that is not here is absent")] = {}
    numbers: Annotated[Numbers | None, Field(description="how decimals are written; null: as the action says")] = None
    mode: Annotated[
        Literal["run", "dryRun"], Field(description="dryRun rolls everything back at the end; for editors")
    ] = "run"


class ExecuteMetadata(Wire):
    """The part ``executeActionDTO`` of the family's form. What its front ends send for themselves is ignored."""

    action_id: Id
    view_mode: bool = False
    param_properties: dict[str, Any] = {}
    numbers: Numbers | None = None
    params: Any = None
    analytics_properties: Any = None
    param_map: Any = None
    pagination_field: Any = None
    datasource_id: Any = None


class ListQuery(Wire):
    """Which part of a list."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE
    after: Annotated[str, Field(pattern=f"^({ID_PATTERN.pattern})?$", description="``next`` of the page before")] = ""


class ApplicationListQuery(ListQuery):
    """Which applications."""

    workspace_id: Id | None = None


class DatasourceListQuery(ListQuery):
    """Which datasources."""

    workspace_id: Id | None = None


class ActionListQuery(ListQuery):
    """Which actions."""

    application_id: Id | None = None
    datasource_id: Id | None = None


class ViewQuery(Wire):
    """Whose published actions."""

    application_id: Id


class StructureQuery(Wire):
    """Which part of a structure."""

    path: Annotated[
        list[Annotated[str, Field(max_length=256)]], Field(max_length=8, description="repeat it: schema, then table")
    ] = []
    page: Annotated[str, Field(max_length=1_024, description="``next`` of the page before")] | None = None
