"""The configuration: hosts, what relates the fields, and TLS with its mechanisms against a real server."""

from typing import Any

import pytest

from appsmith_proxy.sdk import ConnectFailed, TlsFailed, TlsMode
from appsmith_proxy_mongodb.fields import Configuration, Endpoint, endpoints
from tests.servers.mongod import MongodServer
from tests.servers.mongodb_datasource import DRIVER
from tests.servers.mongodb_opening import Opener, request

LOCAL: dict[str, Any] = {"hosts": "localhost", "database": "shop", "username": "proxy"}
FAR: dict[str, Any] = LOCAL | {"hosts": "db.example"}
PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
SET = frozenset({"password"})


def problems(fields: dict[str, Any], secrets: frozenset[str] = SET) -> list[str]:
    return [problem.path.removeprefix("configuration.") for problem in DRIVER.validate(fields, secrets)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("db.example", [Endpoint("db.example", 27017)]),
        ("db.example:5", [Endpoint("db.example", 5)]),
        (
            "10.0.0.1, [::1]:5,Db2.example",
            [Endpoint("10.0.0.1", 27017), Endpoint("::1", 5), Endpoint("Db2.example", 27017)],
        ),
        ("mongodb://db.example", [None]),
        ("user@db.example", [None]),
        ("db.example/shop", [None]),
        ("db.example:99999", [None]),
        ("db.example:x", [None]),
        ("[db.example]:1", [None]),
        ("a,,b", [Endpoint("a", 27017), None, Endpoint("b", 27017)]),
        ("/tmp/mongodb.sock", [None]),
        ("", [None]),
    ],
)
def test_hosts_are_read(text: str, expected: list[Endpoint | None]) -> None:
    assert list(endpoints(text)) == expected


@pytest.mark.parametrize(
    ("fields", "secrets", "expected"),
    [
        (LOCAL, SET, []),
        (LOCAL, frozenset(), ["password"]),
        (FAR | {"hosts": "a,b"}, SET, ["replicaSet"]),
        (FAR | {"hosts": "a,A:27017", "replicaSet": "rs"}, SET, ["hosts"]),
        (FAR | {"hosts": ",".join("abcdefghijklmnop"), "replicaSet": "rs"}, SET, ["hosts"]),
        (FAR | {"hosts": "mongodb://x"}, SET, ["hosts"]),
        (FAR | {"database": "a.b"}, SET, ["database"]),
        (FAR | {"database": "$external"}, SET, ["database"]),
        (LOCAL | {"authMechanism": "PLAIN"}, SET, ["authMechanism"]),
        (FAR | {"authMechanism": "PLAIN"}, SET, []),
        (FAR | {"authMechanism": "PLAIN", "tlsMode": "require"}, SET, ["authMechanism"]),
        ({"hosts": "db.example", "database": "d", "authMechanism": "MONGODB-X509"}, frozenset(), ["tlsCertificate"]),
        (
            {"hosts": "db.example", "database": "d", "authMechanism": "MONGODB-X509", "tlsCertificate": PEM},
            frozenset({"tlsKey"}),
            [],
        ),
        ({"hosts": "localhost", "database": "d", "authMechanism": "none"}, frozenset(), []),
        ({"hosts": "localhost", "database": "d", "authMechanism": "GSSAPI"}, frozenset(), ["authMechanism"]),
        (LOCAL | {"tlsCa": PEM}, SET, ["tlsCa"]),
    ],
    ids=str,
)
def test_what_relates_the_fields(fields: dict[str, Any], secrets: frozenset[str], expected: list[str]) -> None:
    assert problems(fields, secrets) == expected


def test_one_host_that_is_not_here_wants_tls() -> None:
    mixed = LOCAL | {"hosts": "localhost,db.example", "replicaSet": "rs"}
    assert Configuration.read(mixed).tls.mode is TlsMode.VERIFY_FULL
    assert Configuration.read(LOCAL).tls.mode is TlsMode.DISABLE
    assert DRIVER.tls_endpoint(FAR) == ("db.example", 27017, "tls")
    assert DRIVER.tls_endpoint(LOCAL) is None


async def test_tls_is_verified(opened: Opener) -> None:
    with MongodServer(tls=True, authentication=True) as server:
        host = f"localhost:{server.port}"
        client = await opened(server, hosts=host, tlsMode="verify-full", tlsCa=server.ca)
        await client.execute(request())
        assert not [warning for warning in (await client.check()).warnings if "TLS" in warning]
        weak = await opened(server, hosts=host, tlsMode="require")
        await weak.execute(request())
        assert [warning for warning in (await weak.check()).warnings if "TLS" in warning]
        wrong: tuple[dict[str, Any], ...] = (
            {"tlsMode": "verify-full"},
            {"tlsMode": "verify-ca"},
            {"tlsMode": "require", "tlsPinnedKey": "A" * 43 + "="},
        )
        for fields in wrong:
            unknown = await opened(server, hosts=host, **fields)
            with pytest.raises(TlsFailed):
                await unknown.execute(request())
        plain = await opened(server, hosts=host, tlsMode="disable")
        with pytest.raises(ConnectFailed):
            await plain.execute(request(3))


async def test_a_server_without_tls_is_refused(opened: Opener, mongod: MongodServer) -> None:
    client = await opened(mongod, tlsMode="require")
    with pytest.raises((TlsFailed, ConnectFailed)):
        await client.execute(request(3))
