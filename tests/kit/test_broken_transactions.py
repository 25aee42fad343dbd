"""Drivers whose transactions are broken in one way fail exactly the tests that are about it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, ClassVar

import pytest

from appsmith_proxy.sdk import Client, DatasourceError, Driver, OpenContext, Secret, Session
from appsmith_proxy.testing.capabilities import CapabilitiesSuite
from appsmith_proxy.testing.rig import Rig
from appsmith_proxy_sqlite.client import SqliteClient
from appsmith_proxy_sqlite.driver import SqliteDriver
from appsmith_proxy_sqlite.files import DatabaseFile
from tests.conformance.test_sqlite import SqliteHarness

TESTS = sorted(name for name in vars(CapabilitiesSuite) if name.startswith("test_transactions"))


class CommitsAnyway(SqliteClient):
    """Commits also what was given up."""

    @asynccontextmanager
    async def transaction(self, *, read_only: bool, deadline: float) -> AsyncIterator[Session]:
        failed: BaseException | None = None
        async with super().transaction(read_only=read_only, deadline=deadline) as session:
            try:
                yield session
            except Exception as error:  # noqa: BLE001  # reason: that is what is broken
                failed = error
        if failed is not None:
            raise failed


class ForgetsToCommit(SqliteClient):
    """Rolls back whatever was done."""

    @asynccontextmanager
    async def transaction(self, *, read_only: bool, deadline: float) -> AsyncIterator[Session]:
        with suppress(KeyError):
            async with super().transaction(read_only=read_only, deadline=deadline) as session:
                yield session
                raise KeyError


class CommitsEach(SqliteClient):
    """Runs each statement by itself."""

    @asynccontextmanager
    async def transaction(self, *, read_only: bool, deadline: float) -> AsyncIterator[Session]:
        async with self._pool.lease(self._lane(writes=False), deadline=deadline):
            yield self


class WritesAnyway(SqliteClient):
    """Lends a transaction that writes to whoever asks for one that reads."""

    @asynccontextmanager
    async def transaction(self, *, read_only: bool, deadline: float) -> AsyncIterator[Session]:
        async with super().transaction(read_only=False, deadline=deadline) as session:
            yield session


class HasTimeOfItsOwn(SqliteClient):
    """Takes a minute, whatever it is given."""

    @asynccontextmanager
    async def transaction(self, *, read_only: bool, deadline: float) -> AsyncIterator[Session]:
        later = asyncio.get_running_loop().time() + 60
        async with super().transaction(read_only=read_only, deadline=later) as session:
            yield session


BROKEN: Mapping[type[SqliteClient], frozenset[str]] = {
    SqliteClient: frozenset(),
    CommitsAnyway: frozenset({"test_transactions_roll_back"}),
    ForgetsToCommit: frozenset(
        {"test_transactions_commit", "test_transactions_commit_before_their_deadline_or_not_at_all"}
    ),
    CommitsEach: frozenset(
        {
            "test_transactions_commit",
            "test_transactions_roll_back",
            "test_transactions_can_be_read_only",
            "test_transactions_commit_before_their_deadline_or_not_at_all",
        }
    ),
    WritesAnyway: frozenset({"test_transactions_can_be_read_only"}),
    HasTimeOfItsOwn: frozenset(
        {
            "test_transactions_wait_no_longer_than_their_deadline",
            "test_transactions_commit_before_their_deadline_or_not_at_all",
        }
    ),
}
"""Who is broken, and which tests say so."""


def harness_of(client_type: type[SqliteClient]) -> SqliteHarness:
    """Return the harness of a driver that opens such Clients."""

    class Broken(SqliteDriver):
        async def open(
            self, configuration: Mapping[str, Any], secrets: Mapping[str, Secret], context: OpenContext
        ) -> Client:
            file = DatabaseFile.of(configuration, context.options, context.protected_paths)
            size, idle = context.max_connections, context.idle_seconds
            return client_type(file, read_only=False, foreign_keys=True, max_connections=size, idle_seconds=idle)

    class Harness(SqliteHarness):
        driver_type: ClassVar[type[Driver]] = Broken

    return Harness()


@pytest.mark.parametrize("client_type", BROKEN, ids=lambda client_type: client_type.__name__)
async def test_fails_exactly_where_it_is_broken(client_type: type[SqliteClient]) -> None:
    failed = set()
    for name in TESTS:
        harness = harness_of(client_type)
        await harness.prepare()
        rig = Rig(harness)
        try:
            await getattr(CapabilitiesSuite(), name)(rig)
        except (AssertionError, DatasourceError, TimeoutError, pytest.fail.Exception):
            failed.add(name)
        finally:
            await rig.close()
            await harness.release()
    assert failed == BROKEN[client_type]
