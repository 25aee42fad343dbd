"""The driver's tables and what a configuration is refused for."""

from typing import Any

import pytest

from appsmith_proxy.sdk import Capability, json_schema, rows_in_force
from appsmith_proxy_rest import RestDriver

GOOD: dict[str, Any] = {"url": "https://api.example.com/v1"}


def problems(secrets: tuple[str, ...] = (), **configuration: Any) -> list[str]:
    found = RestDriver().validate({**GOOD, **configuration}, frozenset(secrets))
    return [problem.path.removeprefix("configuration.") for problem in found]


def test_a_url_is_enough() -> None:
    assert problems() == []


@pytest.mark.parametrize(
    ("configuration", "secrets", "path"),
    [
        ({"url": ""}, (), "url"),
        ({"url": "ftp://h"}, (), "url"),
        ({"url": "https://user@h"}, (), "url"),
        ({"url": "https://h/?a=b"}, (), "url"),
        ({"url": "https://h/a/../b"}, (), "url"),
        ({"url": "https://bücher.example/"}, (), "url"),
        ({"url": "https://h:99999/"}, (), "url"),
        ({"headers": {"Host": "x"}}, (), "headers.Host"),
        ({"headers": {"X": "a\nb"}}, (), "headers.X"),
        ({"headers": {"X": "é"}}, (), "headers.X"),
        ({"headers": {"X-Key": "a"}}, ("secretHeaders.x-key",), "headers.x-key"),
        ({}, ("secretHeaders.Content-Length",), "secretHeaders.Content-Length"),
        ({"authentication": "basic"}, (), "username"),
        ({"authentication": "bearer"}, (), "bearerToken"),
        ({"authentication": "apiKey", "apiKeyName": "k"}, (), "apiKeyValue"),
        ({"authentication": "apiKey", "apiKeyName": "Host"}, ("apiKeyValue",), "apiKeyName"),
        ({"authentication": "apiKey", "apiKeyName": "a b"}, ("apiKeyValue",), "apiKeyName"),
        ({"authentication": "oauth2ClientCredentials", "clientId": "c"}, ("clientSecret",), "tokenUrl"),
        (
            {"authentication": "oauth2ClientCredentials", "clientId": "c", "tokenUrl": "https://u@h"},
            ("clientSecret",),
            "tokenUrl",
        ),
        ({"username": "me"}, (), "username"),
        ({"tlsMode": "disable"}, (), "tlsMode"),
        ({"tlsCertificate": "x"}, (), "tlsCertificate"),
        ({}, ("tlsKey",), "tlsCertificate"),
        ({"other": 1}, (), "other"),
    ],
)
def test_each_problem_is_named_by_its_path(configuration: dict[str, Any], secrets: tuple[str, ...], path: str) -> None:
    assert path in problems(secrets, **configuration)


def test_a_destination_is_every_place_a_secret_is_sent_to_and_every_check_of_it() -> None:
    destinations = {row.name for row in RestDriver.fields if row.destination}
    assert destinations == {"url", "tokenUrl", "tlsMode", "tlsCa", "tlsPinnedKey"}


def test_no_secret_has_a_default_and_every_row_has_a_label() -> None:
    for row in RestDriver.fields:
        assert row.label
        assert not (row.secret and row.default)


def test_the_body_has_one_row_for_each_body_type() -> None:
    for body_type in ("none", "json", "text", "form", "multipart"):
        rows = [row for row in rows_in_force(RestDriver.actions, {"bodyType": body_type}) if row.name == "body"]
        assert len(rows) == (body_type != "none")


def test_the_tables_make_a_schema() -> None:
    schema = json_schema(RestDriver.fields)
    assert schema["required"] == ["url"]
    assert schema["properties"]["secretHeaders"]["writeOnly"]
    assert json_schema(RestDriver.actions)["properties"]["body"]["anyOf"]


def test_what_it_can_do_is_declared() -> None:
    assert RestDriver.capabilities == {Capability.READ_ONLY, Capability.CANCEL}


def test_tls_is_spoken_for_https_only() -> None:
    driver = RestDriver()
    assert driver.tls_endpoint({"url": "https://h:8443/v1"}) == ("h", 8443, "tls")
    assert driver.tls_endpoint({"url": "http://h/v1"}) is None
