"""The nouns of one execution: what is asked, and what comes back.

Those that are made anew for every execution are a ``Noun``, not dataclasses as nouns are elsewhere: frozen as those are, and
made in C at a fifth of the price.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from appsmith_proxy.errors import ProxyError
from appsmith_proxy.model.principal import Principal
from appsmith_proxy.sdk import Noun, Value


class ExecuteCall(Noun, frozen=True, kw_only=True):
    """One execute call, authenticated and parsed."""

    principal: Principal
    action_id: str
    view_mode: bool
    """Only a wish: a caller without edit rights gets the published copy, always."""
    params: Mapping[str, Value]
    """By binding name, JSON values. A name that is missing here is absent."""
    family: bool = False
    """The call came in the family's multipart form: there an undeclared binding without a part is ``""``."""
    numbers: str | None = None
    """``string | number``: how decimals are written; None: as the action says."""
    dry_run: bool = False
    """Roll everything back at the end; for editors."""
    idempotency_key: str | None = None
    """What is run under a key is not run again under the same one; see ``gateway.idempotency``."""
    large: bool = False
    """It came with so many or so long values that binding them takes long: that is done in a thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRequest:
    """What an editor sees of the request that was sent, built before credentials are added."""

    query: str
    execution_parameters: tuple[object, ...] = ()


class HttpAnswer(Noun, frozen=True, kw_only=True):
    """Status line and headers of an upstream's answer."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    binary: bool


class Execution(Noun, frozen=True, kw_only=True):
    """The answer of an execution that got as far as running a query, successful or not.

    A request that fails as a request (not found, malformed, overloaded) raises instead.
    """

    id: str
    """24 lower-case hex; also in the log and the audit record."""
    body: bytes = b"null"
    """``data.body`` as JSON text: a list of row objects, ``[{"affectedRows": n}]``, or the HTTP body as one JSON value."""
    columns: bytes = b"[]"
    """``data.columns`` as JSON text: names and types, the datasource's own types for editors."""
    affected: int | None = None
    """Rows changed; None where the datasource counts none."""
    truncated: bool = False
    messages: tuple[str, ...] = ()
    http: HttpAnswer | None = None
    request: ShownRequest | None = None
    """None for viewers."""
    editor: bool = False
    """The caller may edit the action: native types and the datasource's own words are shown."""
    error: ProxyError | None = None
    """The failed query's error; None when it succeeded."""
    user_message: str | None = None
    """The action's own text for this error, if it has one."""
    data_types: tuple[str, ...] = ()
    """``TABLE``, ``JSON``, ``RAW``, in the family's order."""
    duration_ms: float = 0.0
