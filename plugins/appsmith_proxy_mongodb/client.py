"""One MongoDB database as a Client, on motor. Everything that knows motor stands here and in ``link``, which is handed it."""

import asyncio
import logging
import ssl
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from motor.motor_asyncio import AsyncIOMotorClient

from appsmith_proxy.sdk import (
    LARGE_ANSWER,
    Client,
    ConnectFailed,
    DatasourceError,
    Disconnected,
    Document,
    ExecuteRequest,
    ExecutionTimeout,
    Health,
    OpenContext,
    Outcome,
    PermissionRejected,
    Result,
    Room,
    Secret,
    StatementInvalid,
    Structure,
)
from appsmith_proxy_mongodb import faults, health, structure, writes
from appsmith_proxy_mongodb.answers import Answer, values_of
from appsmith_proxy_mongodb.command import Command, command
from appsmith_proxy_mongodb.fields import DEFAULT_CEILING, NO_LOGIN, PLAIN, X509, Configuration, Endpoint
from appsmith_proxy_mongodb.link import Link
from appsmith_proxy_mongodb.members import Members, Wanted
from appsmith_proxy_mongodb.seams import Ending, OwnThreads, Sent, Unwatched, give_tls

OWN_WORK_SECONDS: Final = 15.0
"""Deadline of checks and descriptions, for which the contract has none."""
CONNECT_SECONDS: Final = 10.0
BATCH: Final = 500
"""Documents that are read at a time: between batches others have their turn."""
_RAW: Final = CodecOptions(document_class=RawBSONDocument)


class MongodbClient(Client):
    """Speaks to one database as one user, over at most ``context.max_connections`` connections."""

    def __init__(self, configuration: Configuration, secrets: Mapping[str, Secret], context: OpenContext) -> None:
        self._configuration = configuration
        self._secrets = dict(secrets)
        self._network = context.network
        self._idle_seconds = context.idle_seconds
        self._ceiling = float(context.options.get("ceilingSeconds", DEFAULT_CEILING))
        both = configuration.preference != "primary"
        self._size = max(1, context.max_connections // 2) if both else context.max_connections
        self._threads = ThreadPoolExecutor(2 * context.max_connections + 4, thread_name_prefix="mongodb")
        self._members = Members(configuration, self._dial)
        self._room = Room()
        self._closed = False
        # Its messages at this level hold commands and answers, values included.
        logging.getLogger("pymongo").setLevel(logging.INFO)

    async def execute(self, request: ExecuteRequest) -> Result:
        """Run one command, on the primary when it may write."""
        if not isinstance(request.payload, Document):
            raise StatementInvalid("the MongoDB driver runs documents only", outcome=Outcome.NOT_SENT)
        wanted = command(request.payload)
        if request.read_only and wanted.writes:
            raise PermissionRejected(
                "the action writes, and is run read-only", hint="leave readOnly out", outcome=Outcome.NOT_SENT
            )
        now = asyncio.get_running_loop().time()
        if request.deadline <= now:
            raise ExecutionTimeout("the deadline passed before anything was sent", outcome=Outcome.NOT_SENT)
        deadline = min(request.deadline, now + self._ceiling)
        while True:
            link = await self._find(Wanted.WRITE if wanted.writes else Wanted.READ, deadline)
            try:
                return await self._run(link, wanted, request, deadline)
            except (ConnectFailed, Disconnected) as error:
                link.doubt()
                if not faults.is_refused_before(error):
                    raise

    async def check(self) -> Health:
        """Connect, and tell the version and what is risky about the user."""
        deadline = asyncio.get_running_loop().time() + OWN_WORK_SECONDS
        link = await self._find(Wanted.READ, deadline)

        async def ask(session: Any) -> Health:
            return await health.check(link, session, self._configuration)

        return await link.run(ask, deadline=deadline)

    async def describe(self, path: Sequence[str], page: str | None) -> Structure:
        """Describe collections: their fields and types from samples, their indexes as keys."""
        deadline = asyncio.get_running_loop().time() + OWN_WORK_SECONDS
        link = await self._find(Wanted.READ, deadline)

        async def ask(session: Any) -> Structure:
            return await structure.describe(link.client[self._configuration.database], session, page)

        return await link.run(ask, deadline=deadline)

    async def close(self) -> None:
        """Close every connection, and end every thread."""
        self._closed = True
        await self._members.close()
        self._threads.shutdown(wait=False)

    async def _find(self, wanted: Wanted, deadline: float) -> Link:
        if self._closed:
            raise ConnectFailed("the datasource's client is closed", outcome=Outcome.NOT_SENT)
        return await self._members.find(wanted, deadline=deadline)

    async def _run(self, link: Link, wanted: Command, request: ExecuteRequest, deadline: float) -> Result:
        database = link.client[self._configuration.database]
        if wanted.writes:
            limit = request.limits.affected
            guarded = limit is not None and wanted.may_change_more_than(limit)
            if guarded and not link.has_transactions:
                raise StatementInvalid(
                    "maxAffectedRows cannot be kept: the server has no transactions",
                    hint="use a replica set, or an operation that changes one document",
                    outcome=Outcome.NOT_SENT,
                )

            async def write(session: Any) -> Result:
                if guarded and limit is not None:
                    changed = await writes.guarded(database, wanted, session, limit)
                else:
                    changed = writes.changed(wanted, await database.command(wanted.spec, session=session))
                return _done(wanted, changed, request)

            return await link.run(write, deadline=deadline, partly=wanted.changes_many and not guarded)

        async def read(session: Any) -> Result:
            answer = Answer(rows=request.limits.rows, size=request.limits.bytes)
            if wanted.has_cursor:
                await self._read(database, wanted, session, answer)
                if wanted.operation == "count" and not answer.columns():  # nothing to count gives no document
                    answer.add(bson.encode({"count": 0}))
            else:
                reply = await database.command(wanted.spec, session=session, codec_options=_RAW)
                for value in values_of(reply.raw):
                    if not answer.add(value):
                        break
            return _rows(answer, request)

        return await link.run(read, deadline=deadline)

    async def _read(self, database: Any, wanted: Command, session: Any, answer: Answer) -> None:
        """Read documents until they end, or a limit is reached. A large answer waits for room."""
        raw = database.with_options(codec_options=_RAW)  # what later batches are read with; the argument is the first's
        cursor = await raw.cursor_command(wanted.limited(answer.rows, BATCH), session=session, codec_options=_RAW)
        cursor.batch_size(BATCH)
        go: asyncio.Future[None] | None = None

        def admit() -> None:
            if go is not None and not go.done():
                go.set_result(None)

        try:
            async for document in cursor:
                if not answer.add(document.raw):
                    break
                if go is None and answer.size > LARGE_ANSWER:
                    go = asyncio.get_running_loop().create_future()
                    if self._room.enter(admit):
                        go.set_result(None)
                    await go
        finally:
            if go is not None:
                self._room.leave(admit)
            if cursor.alive:
                await cursor.close()

    async def _dial(self, endpoint: Endpoint, deadline: float) -> Link:
        """Open a link to a host: resolved and checked once, then dialled by address."""
        loop = asyncio.get_running_loop()
        until = min(deadline, loop.time() + CONNECT_SECONDS)
        target = await self._network.resolve(endpoint.host, endpoint.port)
        context = self._network.tls(target, self._configuration.tls.options(self._secrets.get("tlsKey")))
        failure: DatasourceError = ConnectFailed("the host has no address", outcome=Outcome.NOT_SENT)
        for left, address in zip(range(len(target.addresses), 0, -1), target.addresses, strict=True):
            link = self._link(address, target.port, context)
            now = loop.time()
            try:
                await link.ask(deadline=now + (until - now) / left)
            except DatasourceError as error:
                await link.close()
                if isinstance(error, Disconnected | ExecutionTimeout):
                    error = ConnectFailed("the server did not answer as MongoDB does", outcome=Outcome.NOT_SENT)
                failure = error
                if not isinstance(error, ConnectFailed):  # a server has answered: another try may lock the user
                    raise
            except BaseException:
                await link.close()
                raise
            else:
                return link
        raise failure

    def _link(self, address: str, port: int, context: ssl.SSLContext | None) -> Link:
        sent = Sent()
        # PyMongo's own TLS is switched on so that ours takes its place, which checks the name by itself.
        secure: dict[str, Any] = {} if context is None else {"tls": True, "tlsAllowInvalidHostnames": True}
        motor: Any = AsyncIOMotorClient(
            f"[{address}]" if ":" in address else address,
            port,
            io_loop=OwnThreads(asyncio.get_running_loop(), self._threads),
            directConnection=True,
            maxPoolSize=self._size + 1,  # one more, for killing what runs on the others
            maxIdleTimeMS=int(self._idle_seconds * 1000),
            connectTimeoutMS=int(CONNECT_SECONDS * 1000),
            socketTimeoutMS=int(OWN_WORK_SECONDS * 1000),
            serverSelectionTimeoutMS=2_000,
            retryWrites=False,
            retryReads=False,
            appname="appsmith_proxy",
            event_listeners=[sent],
            _monitor_class=Unwatched,
            _pool_class=Ending,
            **self._credentials(),
            **secure,
        )
        if context is not None:
            give_tls(motor.delegate, context)
        return Link(motor, self._threads, sent, size=self._size)

    def _credentials(self) -> dict[str, Any]:
        configuration = self._configuration
        mechanism = configuration.mechanism
        if mechanism == NO_LOGIN:
            return {}
        if mechanism == X509:
            return {"authMechanism": X509}
        password = self._secrets.get("password")
        return {
            "username": configuration.username,
            "password": password.reveal() if password is not None else "",
            "authMechanism": mechanism,
            "authSource": "$external" if mechanism == PLAIN else configuration.auth_source,
        }


def _done(wanted: Command, changed: int, request: ExecuteRequest) -> Result:
    if wanted.operation != "insert":
        return Result(affected=changed if wanted.operation != "aggregate" else None)
    answer = Answer(rows=request.limits.rows, size=request.limits.bytes)
    for each in wanted.ids:
        if not answer.add(bson.encode({"_id": each})):
            break
    return _rows(answer, request, affected=changed)


def _rows(answer: Answer, request: ExecuteRequest, *, affected: int | None = None) -> Result:
    rows = answer.encoded() if request.encode else answer.cells()
    return Result(columns=answer.columns(), rows=rows, affected=affected, truncated=answer.truncated)
