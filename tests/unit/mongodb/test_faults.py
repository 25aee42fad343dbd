"""Every class that PyMongo raises, and every code of a server, becomes one of ours, with an honest outcome."""

import inspect
import ssl
from typing import Any

import bson.errors
import pytest
from pymongo import errors

from appsmith_proxy.sdk import (
    BadResponse,
    ConnectFailed,
    ConstraintViolated,
    CredentialsRejected,
    DatasourceError,
    Disconnected,
    ExecutionTimeout,
    Limits,
    Outcome,
    ParameterInvalid,
    PermissionRejected,
    ResourceExhausted,
    StatementInvalid,
    TlsFailed,
)
from appsmith_proxy_mongodb import faults
from tests.servers.mongod import MongodServer
from tests.servers.mongodb_opening import Opener, request

CLASSES = [
    kind
    for module in (errors, bson.errors)
    for _, kind in inspect.getmembers(module, inspect.isclass)
    if issubclass(kind, Exception) and kind.__module__ in (errors.__name__, bson.errors.__name__)
]
EXPECTED: dict[str, type[DatasourceError]] = {
    "AutoReconnect": Disconnected,
    "NetworkTimeout": ExecutionTimeout,
    "NotPrimaryError": StatementInvalid,
    "ServerSelectionTimeoutError": Disconnected,
    "OperationFailure": StatementInvalid,
    "WTimeoutError": StatementInvalid,
    "DocumentTooLarge": ResourceExhausted,
    "InvalidDocument": ParameterInvalid,
    "InvalidBSON": BadResponse,
    "InvalidOperation": ConnectFailed,
    "WaitQueueTimeoutError": ExecutionTimeout,
    "ConnectionFailure": Disconnected,
    "ProtocolError": BadResponse,
    "ConfigurationError": BadResponse,
}


def made(kind: type[Exception]) -> Exception:
    """Return an error of a class, whatever it takes to make one."""
    ways: tuple[tuple[Any, ...], ...] = (("canary",), ("canary", 1), ({"canary": 1},), ([], []), ({"canary": 1}, True))
    for arguments in ways:
        try:
            return kind(*arguments)
        except (TypeError, AttributeError):
            continue
    raise AssertionError(f"{kind.__name__} cannot be made")


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("sent", [True, False])
def test_every_class_has_its_error(kind: type[Exception], sent: bool) -> None:
    error = made(kind)
    if not isinstance(error, Warning):
        assert isinstance(error, faults.RAISED)
    found = faults.translate(error, sent=sent)
    assert type(found) is not DatasourceError
    assert "canary" not in f"{found} {found.hint} {found.details}"
    if not sent:
        assert found.outcome is Outcome.NOT_SENT
    if sent and kind.__name__ in EXPECTED:
        assert type(found) is EXPECTED[kind.__name__]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (18, CredentialsRejected),
        (13, PermissionRejected),
        (11000, ConstraintViolated),
        (121, ConstraintViolated),
        (50, ExecutionTimeout),
        (10107, Disconnected),
        (11600, Disconnected),
        (43, Disconnected),
        (112, ResourceExhausted),
        (292, ResourceExhausted),
        (2, StatementInvalid),
        (40324, StatementInvalid),
        (None, StatementInvalid),
    ],
)
def test_codes(code: int | None, expected: type[DatasourceError]) -> None:
    error = errors.OperationFailure("canary", code, {"errmsg": "canary", "code": code})
    found = faults.translate(error, sent=True)
    assert type(found) is expected
    assert found.native_message == "canary"
    assert "canary" not in f"{found} {found.hint}"


def test_every_code_has_a_sentence_of_its_own_class() -> None:
    for code, fault in faults.CODES.items():
        assert fault.message[0].islower(), code
        assert issubclass(fault.error, DatasourceError)


def test_outcomes_are_honest() -> None:
    refused = errors.OperationFailure("no", 2, {})
    assert faults.translate(refused, sent=True).outcome is Outcome.ROLLED_BACK
    assert faults.translate(refused, sent=True, partly=True).outcome is Outcome.UNKNOWN
    for code in faults.REFUSED_BEFORE:
        found = faults.translate(errors.NotPrimaryError("no", {"code": code}), sent=True, partly=True)
        assert found.outcome is Outcome.NOT_SENT
        assert faults.is_refused_before(found)
    interrupted = faults.translate(errors.OperationFailure("no", 11602, {}), sent=True)
    assert interrupted.outcome is Outcome.UNKNOWN
    assert not faults.is_refused_before(interrupted)


def test_connecting_tells_tls_from_the_network() -> None:
    for cause, expected in (
        (ssl.SSLCertVerificationError("x"), TlsFailed),
        (ConnectionRefusedError(), ConnectFailed),
        (TimeoutError(), ConnectFailed),
    ):
        error = errors.AutoReconnect("x")
        error.__cause__ = cause
        found = faults.translate(error, sent=False)
        assert type(found) is expected
        assert found.outcome is Outcome.NOT_SENT
    assert type(faults.translate(ssl.SSLCertVerificationError("x"), sent=False)) is TlsFailed


async def test_a_real_server_s_refusals(opened: Opener, mongod: MongodServer, database: str) -> None:
    with mongod.client() as admin:
        admin[database].create_collection("checked", validator={"a": {"$type": "int"}})
        admin[database]["things"].create_index("a", unique=True)
    client = await opened(mongod, database)
    insert: dict[str, Any] = {"operation": "insert", "documents": [{"a": 1}]}
    await client.execute(request(**insert))
    cases: tuple[tuple[dict[str, Any], type[DatasourceError], Outcome], ...] = (
        (insert, ConstraintViolated, Outcome.ROLLED_BACK),
        (insert | {"documents": [{"a": 2}, {"a": 1}, {"a": 3}]}, ConstraintViolated, Outcome.UNKNOWN),
        (
            {"operation": "insert", "collection": "checked", "documents": [{"a": "x"}]},
            ConstraintViolated,
            Outcome.ROLLED_BACK,
        ),
        ({"filter": {"a": {"$mod": [0, 0]}}}, StatementInvalid, Outcome.ROLLED_BACK),
        (
            {"operation": "update", "filter": {"a": 1}, "update": {"$inc": {"a": "x"}}},
            StatementInvalid,
            Outcome.ROLLED_BACK,
        ),
        ({"operation": "insert", "documents": [{"x": "x" * (17 << 20)}]}, ResourceExhausted, Outcome.NOT_SENT),
    )
    for fields, kind, outcome in cases:
        with pytest.raises(DatasourceError) as caught:
            await client.execute(request(**fields))
        assert (type(caught.value), caught.value.outcome) == (kind, outcome), fields
    with pytest.raises(ConstraintViolated) as violated:
        await client.execute(request(**insert))
    assert violated.value.constraint == "a_1"


async def test_rights_and_credentials(opened: Opener, mongod: MongodServer, database: str) -> None:
    name = f"reader_{database}"
    password = mongod.create_user(name, {"role": "read", "db": database})
    client = await opened(mongod, database, username=name, secrets={"password": password})
    await client.execute(request())
    with pytest.raises(PermissionRejected) as caught:
        await client.execute(request(operation="insert", documents=[{"a": 1}]))
    assert caught.value.outcome is Outcome.ROLLED_BACK
    assert not [warning for warning in (await client.check()).warnings if "may" in warning]
    for secret in ("wrong", ""):
        wrong = await opened(mongod, database, username=name, secrets={"password": secret or "x"})
        with pytest.raises(CredentialsRejected) as refused:
            await wrong.execute(request())
        assert refused.value.outcome is Outcome.NOT_SENT
    old = await opened(mongod, database, authMechanism="SCRAM-SHA-1", username=name, secrets={"password": password})
    await old.execute(request())


async def test_a_lost_answer_of_a_write_is_not_known(opened: Opener, mongod: MongodServer, database: str) -> None:
    client = await opened(mongod, database)
    await client.execute(request())
    with (
        mongod.fault({"times": 1}, failCommands=["insert"], closeConnection=True),
        pytest.raises(Disconnected) as caught,
    ):
        await client.execute(request(operation="insert", documents=[{"a": 1}]))
    assert caught.value.outcome is Outcome.UNKNOWN
    with (
        mongod.fault({"times": 2}, failCommands=["commitTransaction"], closeConnection=True),  # it is tried twice
        pytest.raises(Disconnected) as caught,
    ):
        await client.execute(request(operation="delete", many=True, limits=Limits(affected=5)))
    assert caught.value.outcome is Outcome.UNKNOWN
    with mongod.client() as admin:
        sessions = list(admin.admin.aggregate([{"$currentOp": {"allUsers": True, "idleSessions": True}}]))
    assert not [one for one in sessions if "transaction" in one], "what is locked would stay so for a minute"
