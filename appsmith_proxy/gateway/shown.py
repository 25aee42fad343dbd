"""What is shown of an execution: the request to editors, a database's own words redacted, and a name for a bad value."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

from appsmith_proxy.errors import DatasourceError, ParameterInvalid, Problem, ProxyError
from appsmith_proxy.gateway.execution import ShownRequest
from appsmith_proxy.gateway.runnables import Runnable
from appsmith_proxy.model.plan import Plan
from appsmith_proxy.sdk import Document, HttpRequest, Secret, Statement, Value, json_text, plain_tree
from appsmith_proxy.template import Bound

_MAX_NATIVE_MESSAGE: Final = 2_000
_MAX_SHOWN_VALUE: Final = 1_000
_MAX_SHOWN_REQUEST: Final = 10_000


def shown_request(bound: Bound, params: Mapping[str, Value], plan: Plan) -> ShownRequest:
    """Return what an editor sees, made before credentials are added: the statement or request, and the values.

    A statement's values are those of its placeholders, in order; a request's are those the caller sent, by the order of
    the bindings: they stand encoded in the request's text.
    """
    payload = bound.payload
    match payload:
        case Statement():
            query = payload.text
        case HttpRequest():
            query = _request_text(payload)
        case Document():
            query = _bounded(json_text(_shown_tree(plain_tree(payload.fields))))
    values = bound.values if isinstance(payload, Statement) else [params.get(name) for name in plan.client_names]
    return ShownRequest(query=query, execution_parameters=tuple(_shown_value(value) for value in values))


def name_parameter(error: ProxyError, bound: Bound | None) -> None:
    """Give a bad value's error the binding's name: a driver only knows its place."""
    if not isinstance(error, ParameterInvalid) or error.parameter is None:
        return
    if bound is None or not isinstance(bound.payload, Statement):
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


def _request_text(request: HttpRequest) -> str:
    query = f"?{urlencode(request.query)}" if request.query else ""
    lines = [f"{request.method} {request.path or '/'}{query}"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    if request.form is not None:
        lines += ["", urlencode(request.form)]
    elif request.body is not None:
        lines += ["", request.body.decode("utf-8", "replace")]
    return _bounded("\n".join(lines))


def _shown_tree(node: Any) -> Any:
    match node:
        case dict():
            return {key: _shown_tree(value) for key, value in node.items()}
        case list():
            return [_shown_tree(value) for value in node]
        case Decimal():
            return node
        case _:
            return _shown_value(node)


def _bounded(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN_REQUEST else text[:_MAX_SHOWN_REQUEST] + "…"


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
