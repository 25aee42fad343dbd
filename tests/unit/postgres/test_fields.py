"""The configuration: what is refused offline, and which TLS mode holds."""

from typing import Any

import pytest

from appsmith_proxy.sdk import TlsConfiguration, TlsMode
from appsmith_proxy_postgres import PostgresDriver

_GOOD: dict[str, Any] = {"host": "db.example", "port": 5432, "database": "shop", "username": "app"}
_CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
_PIN = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


@pytest.mark.parametrize(
    ("changes", "secrets", "path"),
    [
        ({}, {"password"}, None),
        ({}, set(), None),
        ({"host": "/var/run/postgresql"}, set(), "configuration.host"),
        ({"host": "postgresql://db.example"}, set(), "configuration.host"),
        ({"host": "user@db.example"}, set(), "configuration.host"),
        ({"database": ""}, set(), "configuration.database"),
        ({"database": "x" * 64}, set(), "configuration.database"),
        ({"port": 0}, set(), "configuration.port"),
        ({"options": "-c session_preload_libraries=x"}, set(), "configuration.options"),
        ({"dsn": "postgresql://x"}, set(), "configuration.dsn"),
        ({"service": "x"}, set(), "configuration.service"),
        ({"tlsMode": "prefer"}, set(), "configuration.tlsMode"),
        ({"tlsMode": "disable", "tlsCa": _CERTIFICATE}, set(), "configuration.tlsCa"),
        ({"host": "localhost", "tlsPinnedKey": _PIN}, set(), "configuration.tlsPinnedKey"),
        ({"tlsCa": "not a certificate"}, set(), "configuration.tlsCa"),
        ({"tlsCa": _CERTIFICATE}, set(), None),
        ({"tlsPinnedKey": _PIN}, set(), None),
        ({"tlsPinnedKey": "short"}, set(), "configuration.tlsPinnedKey"),
        ({"tlsPinnedKey": "ä"}, set(), "configuration.tlsPinnedKey"),
        ({"tlsCertificate": _CERTIFICATE}, set(), "configuration.tlsKey"),
        ({"tlsCertificate": _CERTIFICATE}, {"tlsKey"}, None),
        ({}, {"tlsKey"}, "configuration.tlsCertificate"),
    ],
)
def test_validate(changes: dict[str, Any], secrets: set[str], path: str | None) -> None:
    problems = PostgresDriver().validate({**_GOOD, **changes}, frozenset(secrets))
    assert [problem.path for problem in problems] == ([path] if path else [])


@pytest.mark.parametrize(
    ("host", "chosen", "mode"),
    [
        ("db.example", None, TlsMode.VERIFY_FULL),
        ("10.0.0.1", None, TlsMode.VERIFY_FULL),
        ("localhost.example", None, TlsMode.VERIFY_FULL),
        ("localhost", None, TlsMode.DISABLE),
        ("LOCALHOST.", None, TlsMode.DISABLE),
        ("127.0.0.9", None, TlsMode.DISABLE),
        ("::1", None, TlsMode.DISABLE),
        ("[::1]", None, TlsMode.DISABLE),
        ("db.example", "disable", TlsMode.DISABLE),
        ("localhost", "verify-ca", TlsMode.VERIFY_CA),
    ],
)
def test_the_default_tls_mode_leaves_nothing_unverified_off_the_machine(
    host: str, chosen: str | None, mode: TlsMode
) -> None:
    fields = {} if chosen is None else {"tlsMode": chosen}
    assert TlsConfiguration.read(host, fields).mode is mode


def test_what_decides_where_secrets_go_is_a_destination() -> None:
    destinations = {row.name for row in PostgresDriver.fields if row.destination}
    assert destinations == {"host", "port", "database", "username", "tlsMode", "tlsCa", "tlsPinnedKey"}
    assert {row.name for row in PostgresDriver.fields if row.secret} == {"password", "tlsKey"}
