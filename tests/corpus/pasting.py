"""Drivers that paste values into what they send, as careless ones do: the controls that the suite must catch."""

import asyncio
import contextlib
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from appsmith_proxy.sdk import (
    BadResponse,
    Body,
    BodyKind,
    Client,
    Column,
    ColumnType,
    Document,
    ExecuteRequest,
    Health,
    HttpRequest,
    Leaf,
    OpenContext,
    Outcome,
    Result,
    Secret,
    Session,
    Statement,
    StatementInvalid,
    replace,
    unique_names,
)
from appsmith_proxy_mongodb import MongodbDriver
from appsmith_proxy_rest import RestDriver
from appsmith_proxy_sqlite.driver import SqliteDriver
from tests.corpus.mongodb import MongodbInjection
from tests.corpus.rest import RestInjection
from tests.corpus.sqlite import SqliteInjection

_FORM: Final = "application/x-www-form-urlencoded"
_PLACEHOLDER: Final = re.compile(r"\?([0-9]+)")


class PastingSqlClient(Client):
    """Puts quotes around values, and runs every statement that this makes."""

    def __init__(self, path: Path, log: set[str]) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._log = log

    async def check(self) -> Health:
        """Be well."""
        return Health()

    async def execute(self, request: ExecuteRequest) -> Result:
        """Paste and run."""
        assert isinstance(request.payload, Statement)
        text = _PLACEHOLDER.sub(lambda match: _pasted(request.values[int(match[1]) - 1]), request.payload.text)
        self._log.add(text)
        first: Result | None = None
        try:
            for statement in _statements(text):
                result = self._run(statement)
                first = first or result
        except (sqlite3.Error, sqlite3.Warning, ValueError, UnicodeError):
            raise StatementInvalid("the statement is not accepted", outcome=Outcome.ROLLED_BACK) from None
        return first or Result(affected=0)

    @asynccontextmanager
    async def transaction(self, *, read_only: bool, deadline: float) -> AsyncIterator[Session]:
        """Begin, and commit or roll back; what was pasted may have done either."""
        self._connection.execute("BEGIN")
        try:
            yield self
            self._end("COMMIT")
        except BaseException:
            self._end("ROLLBACK")
            raise

    async def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _end(self, how: str) -> None:
        if self._connection.in_transaction:
            self._connection.execute(how)

    def _run(self, statement: str) -> Result:
        cursor = self._connection.execute(statement)
        if cursor.description is None:
            return Result(affected=cursor.rowcount)
        names, _ = unique_names(column[0] for column in cursor.description)
        return Result(columns=tuple(Column(name, ColumnType.ANY, "any") for name in names), rows=cursor.fetchall())


class PastingSqlDriver(SqliteDriver):
    """SQLite's compiler, and a client that ruins its work."""

    def __init__(self, log: set[str]) -> None:
        self._log = log

    async def open(
        self, configuration: Mapping[str, Any], secrets: Mapping[str, Secret], context: OpenContext
    ) -> Client:
        """Open the file."""
        return PastingSqlClient(Path(context.options["folder"]) / configuration["file"], self._log)


class PastingSqlInjection(SqliteInjection):
    """The fixture of the SQLite driver. What was sent is known from the client, for want of a log."""

    driver_type = PastingSqlDriver

    def __init__(self) -> None:
        self._log: set[str] = set()

    def driver(self) -> PastingSqlDriver:
        return PastingSqlDriver(self._log)

    async def sent(self) -> Collection[str]:
        return set(self._log)

    def logged(self, text: str) -> str:
        return text


class PastingHttpClient(Client):
    """Writes requests as text: what was encoded for its place is decoded, and values go where they stand."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def check(self) -> Health:
        """Be well."""
        return Health()

    async def execute(self, request: ExecuteRequest) -> Result:
        """Paste and send."""
        assert isinstance(request.payload, HttpRequest)
        sent = _written(request.payload)
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(sent)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            answer = await reader.readexactly(int(head.partition(b"Content-Length: ")[2].split(b"\r\n")[0]))
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
            raise BadResponse("the upstream does not answer", outcome=Outcome.UNKNOWN) from None
        finally:
            writer.close()
        return Result(body=Body(kind=BodyKind.JSON, value=answer, status=200))

    async def close(self) -> None:
        """Hold nothing."""


class PastingHttpDriver(RestDriver):
    """REST's compiler, and a client that ruins its work."""

    async def open(
        self, configuration: Mapping[str, Any], secrets: Mapping[str, Secret], context: OpenContext
    ) -> Client:
        """Take the upstream's port."""
        return PastingHttpClient(int(configuration["url"].rpartition(":")[2].partition("/")[0]))


class PastingHttpInjection(RestInjection):
    """The fixture of the REST driver."""

    driver_type = PastingHttpDriver


class PastingDocumentClient(Client):
    """Reads texts that look like JSON, as those do that paste values into a JSON text and parse the whole."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def check(self) -> Health:
        """Ask the real client."""
        return await self._client.check()

    async def execute(self, request: ExecuteRequest) -> Result:
        """Parse, and let the real client run what it became."""
        assert isinstance(request.payload, Document)
        fields = {name: _parsed(value) for name, value in request.payload.fields.items()}
        return await self._client.execute(replace(request, payload=Document(fields=fields)))

    async def close(self) -> None:
        """Close the real client."""
        await self._client.close()


class PastingDocumentDriver(MongodbDriver):
    """MongoDB's compiler, and a client that ruins its work."""

    async def open(
        self, configuration: Mapping[str, Any], secrets: Mapping[str, Secret], context: OpenContext
    ) -> Client:
        """Open the real client."""
        return PastingDocumentClient(await super().open(configuration, secrets, context))


class PastingDocumentInjection(MongodbInjection):
    """The fixture of the MongoDB driver."""

    driver_type = PastingDocumentDriver


def _parsed(node: Any) -> Any:
    """Return a document in which a bound text that is JSON is what it says."""
    if isinstance(node, Mapping):
        return {key: _parsed(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_parsed(item) for item in node]
    if isinstance(node, Leaf) and isinstance(node.value, str):
        with contextlib.suppress(ValueError, RecursionError):
            return json.loads(node.value)
    return node


def _pasted(value: Any) -> str:
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int | float) else f"'{value}'"


def _statements(text: str) -> Iterator[str]:
    """Yield the statements of a text one by one, as a server with the multi-statement flag reads them."""
    statement = ""
    for part in re.split("(;)", text):
        statement += part
        if part == ";" and sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement


def _written(request: HttpRequest) -> bytes:
    body = request.body or b""
    if request.form is not None:
        body = _joined(request.form).encode()
    target = "/base/" + unquote(request.path) + (f"?{_joined(request.query)}" if request.query else "")
    headers = [*request.headers, ("Content-Length", str(len(body)))]
    if request.form is not None:
        kind = "multipart/form-data; boundary=a" if request.body_type == "multipart" else _FORM
        headers.append(("Content-Type", kind))
    lines = [f"{request.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode() + body


def _joined(pairs: Sequence[tuple[str, str]]) -> str:
    return "&".join(f"{name}={value}" for name, value in pairs)
