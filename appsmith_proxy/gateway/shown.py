"""What is shown of an execution: the request to editors, a database's own words redacted, and a name for a bad value."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from appsmith_proxy.errors import DatasourceError, ParameterInvalid, Problem
from appsmith_proxy.gateway.execution import ShownRequest
from appsmith_proxy.gateway.runnables import Runnable
from appsmith_proxy.sdk import Document, HttpRequest, Secret, Statement, json_text
from appsmith_proxy.template import Bound

_MAX_NATIVE_MESSAGE: Final = 2_000
_MAX_SHOWN_VALUE: Final = 1_000


def shown_request(bound: Bound) -> ShownRequest:
    """Return what an editor sees: the statement and its values. Made before credentials are added."""
    payload = bound.payload
    match payload:
        case Statement():
            query = payload.text
        case HttpRequest():
            query = f"{payload.method} {payload.path or '/'}"
        case Document():
            query = json_text(dict(payload.fields))
    return ShownRequest(query=query, execution_parameters=tuple(_shown_value(value) for value in bound.values))


def name_parameter(error: ParameterInvalid, bound: Bound | None) -> None:
    """Give a bad value's error the binding's name: a driver only knows its place."""
    if bound is None or error.parameter is None or not isinstance(bound.payload, Statement):
        return
    if not 0 <= error.parameter < len(bound.payload.parameters):
        return
    name = bound.payload.parameters[error.parameter].name
    expected = f": expected {error.expected}" if error.expected else ""
    error.message = f"the value of {{{{{name}}}}} does not fit{expected}"
    error.details = (Problem(f"params.{name}", f"does not fit{expected}", hint=error.hint),)


def redact(error: DatasourceError, secrets: Sequence[Secret]) -> None:
    """Cut secrets out of a datasource's own words, and bound their length."""
    words = error.native_message
    for secret in (secret.reveal() for secret in secrets):
        if len(secret) >= 3:  # reason: shorter texts occur everywhere and are not secrets
            words = words.replace(secret, "***")
    error.native_message = words[:_MAX_NATIVE_MESSAGE]


def user_message(runnable: Runnable, code: str, constraint: str) -> str | None:
    """Return the action's own text for an error: by constraint first, then by code."""
    messages = runnable.copy.user_messages
    if not messages:
        return None
    return messages.get(constraint) or messages.get(code) if constraint else messages.get(code)


def _shown_value(value: object) -> object:
    match value:
        case str() if len(value) > _MAX_SHOWN_VALUE:
            return value[:_MAX_SHOWN_VALUE] + "…"
        case bytes():
            return f"<{len(value)} bytes>"
        case Decimal():
            return str(value)
        case _:
            return value
