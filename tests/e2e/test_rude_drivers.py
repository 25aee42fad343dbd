"""A stranger's driver may answer or raise anything: it is named, nothing leaks, and the proxy goes on."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from appsmith_proxy.sdk import (
    Column,
    ColumnType,
    CredentialsRejected,
    ExecuteRequest,
    Health,
    OpenContext,
    Outcome,
    Prepared,
    Result,
    Secret,
    Statement,
    StatementInvalid,
    Structure,
    hookimpl,
)
from appsmith_proxy.testing.memory import MemoryClient, MemoryDriver, MemoryServer
from tests.servers.proxy import Proxy, running_proxy

PASSWORD = "the-rude-driver's-password"

Rudeness = Callable[[], Any]


class RudeClient(MemoryClient):
    """Does what its driver was told to, whatever it is asked."""

    def __init__(self, driver: "RudeDriver", password: Secret | None) -> None:
        super().__init__(driver.server, "main", password)
        self._driver = driver

    async def execute(self, request: ExecuteRequest) -> Result:
        """Run a statement, rudely."""
        return self._driver.rude() or await super().execute(request)

    async def check(self) -> Health:
        """Log in, rudely."""
        return self._driver.rude() or await super().check()

    async def prepare(self, statement: Statement, *, deadline: float) -> Prepared:
        """Compile a statement, rudely."""
        return self._driver.rude() or await super().prepare(statement, deadline=deadline)

    async def describe(self, path: Sequence[str], page: str | None) -> Structure:
        """Describe the tables, rudely."""
        return self._driver.rude() or await super().describe(path, page)


class RudeDriver(MemoryDriver):
    """Opens rude clients, and registers itself."""

    rude: Rudeness = staticmethod(lambda: None)

    async def open(
        self, configuration: Mapping[str, Any], secrets: Mapping[str, Secret], context: OpenContext
    ) -> RudeClient:
        """Make a Client."""
        return RudeClient(self, secrets.get("password"))

    @hookimpl
    def register_drivers(self) -> list[MemoryDriver]:
        """Return this driver."""
        return [self]


@pytest.fixture
def driver() -> Iterator[RudeDriver]:
    server = MemoryServer(password=PASSWORD)
    yield RudeDriver(server)
    server.close()


@pytest.fixture
async def proxy(tmp_path: Path, driver: RudeDriver) -> AsyncIterator[Proxy]:
    async with running_proxy(tmp_path, plugins=[driver]) as running:
        yield running


def exits() -> NoReturn:
    raise SystemExit(1)


def cancels() -> NoReturn:
    raise asyncio.CancelledError


def quotes() -> NoReturn:
    raise CredentialsRejected(
        "refused", native_message=f"no role has the password {PASSWORD}", outcome=Outcome.NOT_SENT
    )


def crashes() -> NoReturn:
    raise LookupError(PASSWORD)


def half_a_row() -> Result:
    columns = (Column("a", ColumnType.INTEGER, ""), Column("b", ColumnType.FLOAT, ""))
    return Result(columns=columns, rows=[(1,)])


def wrong_cell() -> Result:
    return Result(columns=(Column("a", ColumnType.FLOAT, ""),), rows=[("one",)])


def too_many_rows() -> Result:
    return Result(columns=(Column("a", ColumnType.INTEGER, ""),), rows=[(1,)] * 50_001)


@pytest.fixture
async def shop(proxy: Proxy) -> str:
    return await proxy.datasource("memory", {"password": PASSWORD}, name="shop")


@pytest.mark.parametrize(
    ("rudeness", "code"),
    [
        (exits, "DriverCrashed"),
        (cancels, "DriverCrashed"),
        (crashes, "DriverCrashed"),
        (quotes, "CredentialsRejected"),
        (lambda: "rows", "ContractBroken"),
        (half_a_row, "ContractBroken"),
        (wrong_cell, "ContractBroken"),
        (too_many_rows, "ContractBroken"),
    ],
)
async def test_an_execution_is_answered_and_recorded(
    proxy: Proxy, driver: RudeDriver, shop: str, rudeness: Rudeness, code: str
) -> None:
    action = await proxy.action(shop, "SELECT 1 AS one")
    driver.rude = rudeness
    reply = await proxy.developer.execute(action)
    assert (reply.status, reply.data["statusCode"]) == (200, code)
    assert PASSWORD.encode() not in reply.raw
    assert len(proxy.ring.of(reply.data["executionId"])) == 2, "intent and outcome"
    driver.rude = lambda: None
    assert (await proxy.viewer.execute(action)).data["isExecutionSuccess"] is True


@pytest.mark.parametrize("rudeness", [exits, cancels, crashes, quotes])
async def test_editors_calls_are_answered_too(
    proxy: Proxy, driver: RudeDriver, shop: str, rudeness: Rudeness, caplog: pytest.LogCaptureFixture
) -> None:
    driver.rude = rudeness
    code = "CredentialsRejected" if rudeness is quotes else "DriverCrashed"
    new = {"workspaceId": proxy.workspace_id, "name": "new", "kind": "memory", "configuration": {"password": PASSWORD}}
    for path, body in ((f"/datasources/{shop}/test", None), ("/datasources/test", new)):
        test = await proxy.developer.call("POST", path, body)
        assert (test.status, test.data["error"]["code"]) == (200, code)
        assert PASSWORD.encode() not in test.raw
    structure = await proxy.developer.call("GET", f"/datasources/{shop}/structure")
    assert structure.error["code"] == code
    assert PASSWORD.encode() not in structure.raw
    body = {
        "applicationId": proxy.application_id,
        "datasourceId": shop,
        "name": "saved",
        "configuration": {"body": "SELECT 1 AS one"},
    }
    saved = await proxy.developer.created("/actions", body)
    assert saved["checked"] is False, "saving works while a driver does not"
    assert code in saved["warnings"][0]
    assert PASSWORD not in caplog.text


def refuses() -> NoReturn:
    raise StatementInvalid("no", native_message=f"no table for {PASSWORD}", outcome=Outcome.NOT_SENT)


async def test_a_refused_statement_is_told_without_the_secret(proxy: Proxy, driver: RudeDriver, shop: str) -> None:
    driver.rude = refuses
    body = {
        "applicationId": proxy.application_id,
        "datasourceId": shop,
        "name": "refused",
        "configuration": {"body": "SELECT 1 AS one"},
    }
    reply = await proxy.developer.call("POST", "/actions", body)
    assert reply.status == 400
    assert "no table for ***" in reply.raw.decode()
