"""What the answer of an execution holds, and that of a failed request: described here, written by ``envelope.py``."""

from typing import Annotated, Any

from pydantic import Field

from appsmith_proxy.web.models import Shown


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
    outcome: Annotated[
        str | None, Field(description="What became of the work, for editors: not_sent, rolled_back, unknown")
    ]


class ExecutionAnswer(Shown):
    """The answer of an executed action. Written by ``envelope.executed``; a test holds the two together."""

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
