"""The reference page of the API, made from the table of routes."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from appsmith_proxy.web.openapi import describe_api, openapi_route
from appsmith_proxy.web.route import Route
from appsmith_proxy.web.routes import ROUTES
from appsmith_proxy.web.statuses import STATUSES

_HEAD: Final = """# The API

Everything that can be called, made from the table of routes (`appsmith_proxy/web/routes.py`); a test compares. The
machine's version of this page is `GET /api/v1/openapi.json`. How to call it: [call the API](../how-to/call-the-api.md).

Every answer has the envelope `{"responseMeta": {"status", "success"[, "error"]}, "data", "errorDisplay"}`; the tables
below describe `data`. A field that is not listed is refused. A caller sends `Authorization: Bearer asp_…`; what each role
may do is in [permissions](permissions.md).
"""


def api_page(routes: Sequence[Route] = ROUTES) -> str:
    """Return ``docs/reference/api.md``."""
    whole = (*routes, openapi_route(routes))
    schemas = describe_api(whole)["components"]["schemas"]
    return "\n".join([_HEAD, *_routes(whole), *_statuses(), *_models(schemas)]) + "\n"


def _routes(routes: Sequence[Route]) -> Iterator[str]:
    yield "## Routes\n"
    yield "| route | permission | body | query | `data` | |"
    yield "|---|---|---|---|---|---|"
    for route in routes:
        answer = _link(route.answer.__name__ if route.answer else None)
        cells = (
            f"`{route.method} {route.full_path}`",
            f"`{route.permission}`",
            _link(route.body.__name__ if route.body else None),
            _link(route.query.__name__ if route.query else None),
            f"list of {answer}" if route.answers_list else answer,
            route.summary,
        )
        yield f"| {' | '.join(cells)} |"
    yield ""


def _statuses() -> Iterator[str]:
    yield "## Statuses of failed requests\n"
    yield "By the error's class; a class that is not here has its nearest ancestor's. 405, 408, 415 and 417 mean what HTTP says.\n"
    yield "| status | errors |"
    yield "|---|---|"
    for status in sorted(set(STATUSES.values())):
        codes = ", ".join(f"`{kind.__name__}`" for kind, own in STATUSES.items() if own == status)
        yield f"| {status} | {codes} |"
    yield ""


def _models(schemas: dict[str, Any]) -> Iterator[str]:
    for title in sorted(schemas):
        schema = schemas[title]
        yield f"## {_heading(title)}\n"
        yield f"{' '.join(str(schema.get('description', '')).split())}\n"
        if "enum" in schema:
            yield f"One of {', '.join(f'`{word}`' for word in schema['enum'])}.\n"
            continue
        yield "| field | type | |"
        yield "|---|---|---|"
        for name, field in schema.get("properties", {}).items():
            required = "required" if name in schema.get("required", ()) else ""
            notes = "; ".join(filter(None, (required, field.get("description", ""), _default(field))))
            yield f"| `{name}` | {_type(field)} | {notes} |"
        yield ""


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return _link(schema["$ref"].rsplit("/", 1)[1])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    kind = schema.get("type", "any JSON value")
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    bounds = [
        f"{sign} {schema[name]}"
        for name, sign in (("minimum", "≥"), ("maximum", "≤"), ("maxLength", "length ≤"), ("maxItems", "entries ≤"))
        if name in schema
    ]
    return ", ".join((str(kind), *bounds))


def _default(schema: dict[str, Any]) -> str:
    default = schema.get("default")
    return "" if default in (None, "", [], {}) else f"default `{default}`"


def _heading(title: str) -> str:
    return title.replace("_", " ").rstrip()


def _link(title: str | None) -> str:
    if title is None:
        return ""
    title = title.replace("[", "_").replace("]", "_")
    return f"[{_heading(title)}](#{_heading(title).lower().replace(' ', '-')})"
