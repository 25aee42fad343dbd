"""The configuration: what is refused offline, where TLS is spoken, and whom it trusts."""

import ssl
from typing import Any

import pytest

from appsmith_proxy.gateway.network_tls import key_pin
from appsmith_proxy.sdk import ConnectFailed, CredentialsRejected, TlsFailed
from appsmith_proxy_mysql import MysqlDriver
from tests.servers.certificates import Authority
from tests.servers.mariadb import MariadbServer
from tests.servers.mysql_client import fetch, opened

_GOOD: dict[str, Any] = {"host": "db.example", "port": 3306, "database": "shop", "username": "app"}
_CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
_PIN = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
_STATUS = "SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'Ssl_version'"


@pytest.mark.parametrize(
    ("changes", "secrets", "path"),
    [
        ({}, {"password"}, None),
        ({}, set(), None),
        ({"host": "/run/mysqld/mysqld.sock"}, set(), "configuration.host"),
        ({"host": "mysql://db.example"}, set(), "configuration.host"),
        ({"host": "user@db.example"}, set(), "configuration.host"),
        ({"database": ""}, set(), "configuration.database"),
        ({"database": "x" * 65}, set(), "configuration.database"),
        ({"port": 0}, set(), "configuration.port"),
        ({"unix_socket": "/run/mysqld/mysqld.sock"}, set(), "configuration.unix_socket"),
        ({"read_default_file": "/etc/my.cnf"}, set(), "configuration.read_default_file"),
        ({"init_command": "SET @a = 1"}, set(), "configuration.init_command"),
        ({"tlsMode": "prefer"}, set(), "configuration.tlsMode"),
        ({"tlsMode": "disable", "tlsCa": _CERTIFICATE}, set(), "configuration.tlsCa"),
        ({"host": "localhost", "tlsPinnedKey": _PIN}, set(), "configuration.tlsPinnedKey"),
        ({"tlsCa": "not a certificate"}, set(), "configuration.tlsCa"),
        ({"tlsCa": _CERTIFICATE}, set(), None),
        ({"tlsPinnedKey": "short"}, set(), "configuration.tlsPinnedKey"),
        ({"tlsCertificate": _CERTIFICATE}, set(), "configuration.tlsKey"),
        ({"tlsCertificate": _CERTIFICATE}, {"tlsKey"}, None),
        ({}, {"tlsKey"}, "configuration.tlsCertificate"),
    ],
)
def test_validate(changes: dict[str, Any], secrets: set[str], path: str | None) -> None:
    problems = MysqlDriver().validate({**_GOOD, **changes}, frozenset(secrets))
    assert [problem.path for problem in problems] == ([path] if path else [])


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({}, ("db.example", 3306, "mysql")),
        ({"port": 3307, "tlsMode": "require"}, ("db.example", 3307, "mysql")),
        ({"tlsMode": "disable"}, None),
        ({"host": "localhost"}, None),
    ],
)
def test_editors_are_shown_the_chain_where_tls_is_spoken(changes: dict[str, Any], place: Any) -> None:
    assert MysqlDriver().tls_endpoint({**_GOOD, **changes}) == place


def test_what_decides_where_secrets_go_is_a_destination() -> None:
    destinations = {row.name for row in MysqlDriver.fields if row.destination}
    assert destinations == {"host", "port", "database", "username", "tlsMode", "tlsCa", "tlsPinnedKey"}
    assert {row.name for row in MysqlDriver.fields if row.secret} == {"password", "tlsKey"}


@pytest.mark.parametrize(
    ("fields", "warning"),
    [
        ({}, None),
        ({"host": "127.0.0.1"}, None),
        ({"tlsMode": "verify-ca"}, "not its host name"),
        ({"tlsMode": "require", "tlsCa": None}, "anybody may answer"),
    ],
)
async def test_tls_is_spoken_and_its_weakness_told(
    mariadb: MariadbServer, database: str, fields: dict[str, Any], warning: str | None
) -> None:
    async with opened(mariadb, database, tls=True, **fields) as client:
        ((version,),) = await fetch(client, _STATUS)
        assert version.startswith("TLSv1.")
        warnings = [text for text in (await client.check()).warnings if "server's certificate" in text]
    assert bool(warnings) is bool(warning)
    assert warning is None or warning in warnings[0]


@pytest.mark.parametrize(
    ("names", "ours", "fields"),
    [
        (("elsewhere.example",), True, {}),
        (("localhost",), False, {}),
        (("localhost",), False, {"tlsMode": "verify-ca"}),
        (("localhost",), True, {"tlsCa": None}),
        (("localhost",), True, {"tlsPinnedKey": _PIN}),
        (("localhost",), True, {"tlsMode": "require", "tlsPinnedKey": _PIN}),
    ],
    ids=["other name", "other authority", "other authority, verify-ca", "system's authorities", "pin", "bare pin"],
)
async def test_a_server_that_cannot_prove_itself_gets_no_password(
    mariadb: MariadbServer, names: tuple[str, ...], fields: dict[str, Any], *, ours: bool
) -> None:
    authority = None if ours else Authority.new()
    async with mariadb.presenting(*names, authority=authority), opened(mariadb, tls=True, **fields) as client:
        with pytest.raises(TlsFailed):
            await client.check()


async def test_a_name_does_not_matter_where_only_the_authority_does(mariadb: MariadbServer) -> None:
    fields = {"tls": True, "tlsMode": "verify-ca"}
    async with mariadb.presenting("elsewhere.example"), opened(mariadb, **fields) as client:  # type: ignore[arg-type]  # reason: fields of the configuration
        assert await fetch(client, "SELECT 1") == [(1,)]


async def test_a_pinned_key_is_proof_enough(mariadb: MariadbServer) -> None:
    presented = (mariadb.folder / "cert.pem").read_text().partition("-----END CERTIFICATE-----")
    pin = key_pin(ssl.PEM_cert_to_DER_cert("".join(presented[:2])))
    async with opened(mariadb, tls=True, tlsMode="require", tlsCa=None, tlsPinnedKey=pin) as client:
        assert not [text for text in (await client.check()).warnings if "certificate" in text]


async def test_a_client_certificate_lets_in(mariadb: MariadbServer, database: str) -> None:
    user = f"certified_{database}"
    password = await mariadb.create_user(user, options="REQUIRE X509", grants=f"SELECT ON {database}.*")
    certificate, key = mariadb.client_certificate()
    async with opened(mariadb, database, tls=True, username=user, password=password) as client:
        with pytest.raises(CredentialsRejected):
            await client.check()
    async with opened(
        mariadb,
        database,
        tls=True,
        username=user,
        password=password,
        tlsCertificate=certificate,
        secrets={"tlsKey": key},
    ) as client:
        assert await fetch(client, "SELECT 1") == [(1,)]


async def test_an_account_that_needs_tls_is_told_so(mariadb: MariadbServer, database: str) -> None:
    user = f"wants_tls_{database}"
    password = await mariadb.create_user(user, options="REQUIRE SSL", grants=f"SELECT ON {database}.*")
    async with opened(mariadb, database, username=user, password=password) as client:
        with pytest.raises(CredentialsRejected):
            await client.check()


async def test_a_database_that_is_not_there_is_told_so(mariadb: MariadbServer) -> None:
    async with opened(mariadb, "absent") as client:
        with pytest.raises(ConnectFailed, match="no such database"):
            await client.check()
