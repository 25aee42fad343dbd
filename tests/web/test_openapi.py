"""The OpenAPI document and the reference page: valid, complete, and true to what is answered."""

import json
from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from appsmith_proxy.web.openapi import describe_api, openapi_route
from appsmith_proxy.web.reference import api_page
from appsmith_proxy.web.route import Route
from appsmith_proxy.web.routes import ROUTES
from tests.web.client import Client
from tests.web.fakes import FakeRuntime
from tests.web.test_execute import failing
from tests.web.test_matrix import BODIES, call, name

ALL = (*ROUTES, openapi_route(ROUTES))
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "api.md"


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(json.dumps(describe_api(ALL)))


def schema_check(document: Any, schema: Any, value: Any) -> None:
    registry: Registry[Any] = Registry().with_resource("urn:api", DRAFT202012.create_resource(document))
    wrapped = json.loads(json.dumps(schema).replace('"#/components', '"urn:api#/components'))
    OAS31Validator(wrapped, registry=registry).validate(value)


def test_it_is_valid(document: Any) -> None:
    validate(document)


def test_it_describes_every_route_and_no_other(document: Any) -> None:
    described = {(method, path) for path, methods in document["paths"].items() for method in methods}
    assert described == {(route.method.lower(), route.full_path) for route in ALL}
    ids = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(set(ids)) == len(ids)


async def test_it_is_served_to_everybody(client: Client, document: Any) -> None:
    answered = await client.call("GET", "/openapi.json", token=None)
    assert (answered.status, answered.json) == (200, document)


@pytest.mark.parametrize("route", ROUTES, ids=name)
async def test_answers_are_as_described(client: Client, document: Any, runtime: FakeRuntime, route: Route) -> None:
    operation = document["paths"][route.full_path][route.method.lower()]
    answered = await call(client, route, "root")
    if answered.status != 409:
        schema = operation["responses"][str(answered.status)]["content"]["application/json"]["schema"]
        schema_check(document, schema, answered.json)
    if route.executes:
        runtime.executor.answer = failing
        schema_check(document, schema, (await call(client, route, "root")).json)
    refused = await call(client, route, "nobody")
    if refused.status == 401:
        failure = document["components"]["responses"]["Failure"]["content"]["application/json"]["schema"]
        schema_check(document, failure, refused.json)


@pytest.mark.parametrize("route", [route for route in ROUTES if route.body is not None], ids=name)
def test_bodies_are_as_described(document: Any, route: Route) -> None:
    content = document["paths"][route.full_path][route.method.lower()]["requestBody"]["content"]
    schema_check(document, content["application/json"]["schema"], BODIES[name(route)])
    assert ("multipart/form-data" in content) == route.executes


def test_bodies_take_no_unknown_field(document: Any) -> None:
    for route in ROUTES:
        for model in (route.body, route.query):
            if model is not None:
                assert model.model_config["extra"] == "forbid"
                assert (
                    document["components"]["schemas"].get(model.__name__, {"additionalProperties": False})[
                        "additionalProperties"
                    ]
                    is False
                )


def test_the_reference_page_is_made_from_the_table() -> None:
    assert PAGE.read_text() == api_page(), "make it again: python -m docs.build"
