"""The OpenAPI 3.1 document, made from the table of routes and the models that parse requests."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final, TypeAlias

import orjson
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from appsmith_proxy import __version__
from appsmith_proxy.access.policy import Permission
from appsmith_proxy.web.answers_execution import ErrorAnswer
from appsmith_proxy.web.bodies import KEY_HEADER, KEY_PATTERN
from appsmith_proxy.web.models import ExecuteMetadata, Wire
from appsmith_proxy.web.route import ID, Call, Pieces, Route
from appsmith_proxy.web.services import Services

PATH: Final = "/openapi.json"
REFERENCE: Final = "#/components/schemas/{model}"

_Schema: TypeAlias = dict[str, Any]


def openapi_route(routes: Sequence[Route]) -> Route:
    """Return the route that describes the others and itself: the bare document, as tools expect it."""

    @cache
    def document() -> bytes:
        return orjson.dumps(describe_api((*routes, route)))

    async def handler(services: Services, call: Call) -> Pieces:
        return (document(),)

    route = Route(
        method="GET",
        path=PATH,
        handler=handler,
        permission=Permission.PUBLIC,
        summary="Describe the API: this document",
        bare=True,
    )
    return route


def describe_api(routes: Sequence[Route]) -> _Schema:
    """Return the document as JSON values."""
    schemas = _Schemas(routes)
    paths: dict[str, dict[str, _Schema]] = {}
    for route in routes:
        paths.setdefault(route.full_path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "appsmith_proxy",
            "version": __version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "An API token, asp_…"}},
            "schemas": schemas.components,
            "responses": {"Failure": {"description": "The request failed", "content": _json(_failure(schemas))}},
        },
    }


class _Schemas:
    """The schemas of all models: what parses requests, and what answers are made of."""

    def __init__(self, routes: Sequence[Route]) -> None:
        wanted: dict[tuple[type[BaseModel], str], None] = {
            (ExecuteMetadata, "validation"): None,
            (ErrorAnswer, "serialization"): None,
        }
        for route in routes:
            for model, mode in (
                (route.body, "validation"),
                (route.query, "validation"),
                (route.answer, "serialization"),
            ):
                if model is not None:
                    wanted[(model, mode)] = None
        pairs: Any = list(wanted)
        references, document = models_json_schema(pairs, by_alias=True, ref_template=REFERENCE)
        self.components: _Schema = document["$defs"]
        self._references: dict[Any, _Schema] = dict(references)

    def of(self, model: type[Wire], mode: str) -> _Schema:
        """Return the reference to a model's schema."""
        return self._references[(model, mode)]


def _operation(route: Route, schemas: _Schemas) -> _Schema:
    operation: _Schema = {
        "operationId": _operation_id(route),
        "tags": [route.path.split("/")[1]],
        "summary": route.summary,
        "x-permission": route.permission.value,
        "responses": {
            str(route.status): _answer(route, schemas),
            "default": {"$ref": "#/components/responses/Failure"},
        },
    }
    if route.permission is Permission.PUBLIC:
        operation["security"] = []
    parameters = [*_path_parameters(route), *_query_parameters(route, schemas), *_header_parameters(route)]
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": _contents(route, schemas)}
    return operation


def _operation_id(route: Route) -> str:
    words = re.findall(r"[a-z]+", route.path.replace(ID, "one"))
    return route.method.lower() + "".join(word.capitalize() for word in words)


def _path_parameters(route: Route) -> Iterator[_Schema]:
    if ID in route.path:
        yield {
            "name": "id",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": "^[0-9a-f]{24}$"},
        }


def _query_parameters(route: Route, schemas: _Schemas) -> Iterator[_Schema]:
    if route.query is None:
        return
    name = schemas.of(route.query, "validation")["$ref"].rsplit("/", 1)[1]
    table = schemas.components[name]
    for key, schema in table["properties"].items():
        yield {"name": key, "in": "query", "required": key in table.get("required", ()), "schema": schema}


def _header_parameters(route: Route) -> Iterator[_Schema]:
    if route.executes:
        yield {
            "name": KEY_HEADER,
            "in": "header",
            "required": False,
            "description": "What is executed with a key is not executed again with the same one. Ignored by what only reads.",
            "schema": {"type": "string", "pattern": f"^{KEY_PATTERN.pattern}$"},
        }


def _contents(route: Route, schemas: _Schemas) -> _Schema:
    assert route.body is not None  # noqa: S101  # reason: asked only of routes with a body
    contents = _json(schemas.of(route.body, "validation"))
    if route.method == "PATCH":
        contents["application/merge-patch+json"] = contents["application/json"]
    if route.executes:
        contents["multipart/form-data"] = {"schema": _form(schemas)}
    return contents


def _form(schemas: _Schemas) -> _Schema:
    return {
        "type": "object",
        "description": "The family's form: parts in any order; docs/how-to/call-the-api.md shows one.",
        "properties": {
            "executeActionDTO": schemas.of(ExecuteMetadata, "validation"),
            "parameterMap": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "binding → the part (k0, k1 …) that holds its value",
            },
        },
        "patternProperties": {
            "^k[0-9]+$": {"type": "string", "description": "one value, as text"},
            "^blob:": {"type": "string", "description": "the bytes of a file that a value refers to"},
        },
        "required": ["executeActionDTO"],
        "additionalProperties": False,
    }


def _answer(route: Route, schemas: _Schemas) -> _Schema:
    if route.bare:
        return {"description": "An OpenAPI document", "content": _json({"type": "object"})}
    data: _Schema = {"type": "null"}
    if route.answer is not None:
        data = schemas.of(route.answer, "serialization")
    if route.answers_list:
        data = {"type": "array", "items": data}
    return {"description": "Done", "content": _json(_envelope(data, {"const": ""}, success=True))}


def _failure(schemas: _Schemas) -> _Schema:
    schema = _envelope({"type": "null"}, {"type": "string"}, success=False)
    meta = schema["properties"]["responseMeta"]
    meta["properties"]["error"] = schemas.of(ErrorAnswer, "serialization")
    meta["required"].append("error")
    return schema


def _envelope(data: _Schema, display: _Schema, *, success: bool) -> _Schema:
    return {
        "type": "object",
        "properties": {
            "responseMeta": {
                "type": "object",
                "properties": {"status": {"type": "integer"}, "success": {"const": success}},
                "required": ["status", "success"],
                "additionalProperties": False,
            },
            "data": data,
            "errorDisplay": display,
        },
        "required": ["responseMeta", "data", "errorDisplay"],
        "additionalProperties": False,
    }


def _json(schema: _Schema) -> _Schema:
    return {"application/json": {"schema": schema}}
