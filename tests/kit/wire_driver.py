"""The control with a network: a whole document driver for ``WireServer``, on nothing but ``context.network``."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar

from appsmith_proxy.sdk import (
    ActionField,
    BadResponse,
    Capability,
    Client,
    Column,
    ColumnType,
    ConnectFailed,
    CredentialsRejected,
    Disconnected,
    Document,
    Driver,
    ExecuteRequest,
    ExecutionTimeout,
    Field,
    FieldType,
    Health,
    Limits,
    OpenContext,
    Outcome,
    ParameterInvalid,
    Payload,
    PermissionRejected,
    Place,
    Result,
    Secret,
    StatementInvalid,
)
from tests.kit.wire_server import receive, send

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

READS = frozenset({"echo", "numbers", "large", "password", "count"})


class WireClient(Client):
    """A bounded pool of logged-in connections."""

    def __init__(self, configuration: Mapping[str, Any], password: Secret, context: OpenContext) -> None:
        self.configuration = configuration
        self.context = context
        self._password = password
        self._places = asyncio.Semaphore(context.max_connections)
        self._idle: list[Streams] = []
        self._busy: set[asyncio.StreamWriter] = set()
        self._closed = False

    async def check(self) -> Health:
        deadline = asyncio.get_running_loop().time() + 5
        await self.execute(ExecuteRequest(payload=Document(fields={"verb": "count"}), deadline=deadline))
        return Health(server="wire")

    async def execute(self, request: ExecuteRequest) -> Result:
        fields = self.checked(request)
        sent = False
        streams: Streams | None = None
        try:
            async with asyncio.timeout_at(request.deadline), self._places:
                streams = await self.connection()
                self._busy.add(streams[1])
                send(streams[1], fields)
                sent = True
                await streams[1].drain()
                result, whole = await self.answer(streams[0], request.limits)
                if whole:
                    self.give_back(streams)
                return result
        except TimeoutError:
            outcome = Outcome.UNKNOWN if sent else Outcome.NOT_SENT
            raise ExecutionTimeout("the answer did not come in time", outcome=outcome) from None
        except (OSError, EOFError):
            outcome = Outcome.UNKNOWN if sent else Outcome.NOT_SENT
            raise Disconnected("the connection was lost", outcome=outcome) from None
        finally:
            if streams is not None:
                self._busy.discard(streams[1])
                if streams not in self._idle:
                    streams[1].transport.abort()

    async def close(self) -> None:
        self._closed = True
        for _, writer in self._idle:
            writer.transport.abort()
        for writer in self._busy:
            writer.transport.abort()
        self._idle.clear()

    def checked(self, request: ExecuteRequest) -> dict[str, Any]:
        """Return what is sent, or say why nothing is."""
        if self._closed:
            raise Disconnected("the client is closed", outcome=Outcome.NOT_SENT)
        if not isinstance(request.payload, Document):
            raise StatementInvalid("the wire driver takes documents only", outcome=Outcome.NOT_SENT)
        fields = dict(request.payload.fields)
        if request.read_only and fields.get("verb") not in READS:
            raise PermissionRejected("the verb may write", outcome=Outcome.NOT_SENT)
        for index, name in enumerate(("sleep", "count", "size")):
            if not isinstance(fields.get(name, 0), int | float):
                raise ParameterInvalid(
                    f"{name} does not fit", outcome=Outcome.NOT_SENT, parameter=index, expected="number"
                )
        if any(isinstance(value, str) and not _encodable(value) for value in fields.values()):
            raise ParameterInvalid("a text is not Unicode", outcome=Outcome.NOT_SENT, parameter=0, expected="text")
        if asyncio.get_running_loop().time() >= request.deadline:
            raise ExecutionTimeout("the deadline had passed before anything was sent", outcome=Outcome.NOT_SENT)
        return fields

    async def connection(self) -> Streams:
        """Return an idle connection that is not known to be dead, or a new one, logged in."""
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and reader.exception() is None and not writer.is_closing():
                return reader, writer
            writer.transport.abort()
        reader, writer = await self.dial()
        try:
            send(writer, {"login": self._password.reveal()})
            answer = await receive(reader)
        except BaseException as error:
            writer.transport.abort()
            if isinstance(error, OSError | EOFError):
                raise ConnectFailed("the login was cut off", outcome=Outcome.NOT_SENT) from None
            raise
        if answer is None or "error" in answer:
            writer.transport.abort()
            if answer is None:
                raise ConnectFailed("the login was cut off", outcome=Outcome.NOT_SENT)
            raise CredentialsRejected("the password was refused", outcome=Outcome.NOT_SENT)
        return reader, writer

    async def dial(self) -> Streams:
        """Go out through the network, and nowhere else."""
        return await self.context.network.connect(self.configuration["host"], self.configuration["port"])

    def give_back(self, streams: Streams) -> None:
        """Keep a connection that is in a known state."""
        if not self._closed:
            self._idle.append(streams)

    async def answer(self, reader: asyncio.StreamReader, limits: Limits) -> tuple[Result, bool]:
        """Read an answer, or as much of it as the limits allow; say whether the connection is at its end."""
        head = await self.frame(reader)
        if "error" in head:
            raise StatementInvalid("the server refused the document", outcome=Outcome.ROLLED_BACK)
        columns = tuple(Column(name, ColumnType.ANY, "any") for name in head["columns"])
        rows: list[tuple[object, ...]] = []
        size = 0
        while "end" not in (frame := await self.row(reader)):
            row = tuple(self.cell(value) for value in frame["row"])
            size += sum(len(str(cell)) for cell in row)
            if len(rows) == limits.rows or size > limits.bytes:
                return Result(columns=columns, rows=rows, truncated=True), False
            rows.append(row)
        return Result(columns=columns, rows=rows), True

    def cell(self, value: object) -> object:
        """Show a value, but never the password that we sent ourselves."""
        return "***" if value == self._password.reveal() else value

    async def row(self, reader: asyncio.StreamReader) -> dict[str, Any]:
        """Read a row, or the end."""
        return await self.frame(reader)

    async def frame(self, reader: asyncio.StreamReader) -> dict[str, Any]:
        """Read one frame; an answer never ends between frames."""
        frame = await receive(reader)
        if frame is None:
            raise EOFError
        if not frame.keys() & {"columns", "row", "end", "error"}:
            raise BadResponse("the server does not speak the protocol")
        return frame


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class WireDriver(Driver):
    """Datasources that speak the wire protocol."""

    kind: ClassVar[str] = "wire"
    title: ClassVar[str] = "Wire"
    payload: ClassVar[Payload] = Payload.DOCUMENT
    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.CANCEL})
    fields: ClassVar[tuple[Field, ...]] = (
        Field(name="host", type=FieldType.HOST, label="Host", required=True, destination=True),
        Field(name="port", type=FieldType.PORT, label="Port", required=True, destination=True),
        Field(name="note", type=FieldType.TEXT, label="Note"),
        Field(name="password", type=FieldType.TEXT, label="Password", secret=True, required=True),
    )
    actions: ClassVar[tuple[ActionField, ...]] = (
        ActionField(name="document", type=FieldType.MULTILINE, label="Document", required=True, place=Place.JSON),
    )
    client_type: ClassVar[type[WireClient]] = WireClient

    async def open(
        self, configuration: Mapping[str, Any], secrets: Mapping[str, Secret], context: OpenContext
    ) -> WireClient:
        with suppress(KeyError):
            return self.client_type(configuration, secrets["password"], context)
        raise CredentialsRejected("the password is missing", outcome=Outcome.NOT_SENT)
