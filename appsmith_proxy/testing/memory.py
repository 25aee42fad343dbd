"""The reference memory driver (kind ``memory``): the contract to read in one go, with no server to start.

It takes SQL, because statements, placeholders and a dialect are what the compiler, the gateway and the web must be
tested with; ``MemoryServer`` runs them on SQLite inside the process. For fast tests it offers what a real server
makes hard: ``SELECT sleep(0.5)``, ``SELECT fail('Disconnected')``, ``SELECT fail('crash')``, and columns of every type:
an alias ``"price [decimal]"`` makes a column ``price`` of that type (the convention of the standard library's sqlite3).
What comes back is shaped in ``memory_answers``.

::

    server = MemoryServer(password="…")        # the outside world, owned by the test
    server.fill("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    driver = MemoryDriver(server)
"""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from appsmith_proxy.sdk import (
    ActionField,
    AffectedLimitExceeded,
    Capability,
    Client,
    CredentialsRejected,
    Dialect,
    Disconnected,
    Driver,
    ExecuteRequest,
    ExecutionTimeout,
    Field,
    FieldType,
    Health,
    KeyKind,
    Limits,
    OpenContext,
    Outcome,
    Payload,
    Place,
    Prepared,
    Result,
    Secret,
    Starter,
    Statement,
    StatementInvalid,
    Structure,
    StructureColumn,
    StructureKey,
    StructureTable,
)
from appsmith_proxy.testing.memory_answers import columns_of, result_of, scripted, translated
from appsmith_proxy.testing.memory_dialect import DIALECT, to_native
from appsmith_proxy.testing.memory_server import Answer, LoginRefused, MemoryServer, ScriptedFailure, TooManyChanges

__all__ = ["DIALECT", "MemoryClient", "MemoryDriver", "MemoryServer"]


class MemoryClient(Client):
    """One memory datasource. Owns nothing but its login."""

    def __init__(self, server: MemoryServer, database: str, password: Secret | None) -> None:
        self._server = server
        self._database = database
        self._password = password
        self._login: asyncio.Lock | None = asyncio.Lock()
        self._logged_in = False
        server.clients += 1

    async def check(self) -> Health:
        """Log in and ask for the version."""
        deadline = asyncio.get_running_loop().time() + 10
        answer = await self._run("SELECT sqlite_version()", (), deadline=deadline)
        return Health(server=f"SQLite {answer.rows[0][0]} in memory")

    async def execute(self, request: ExecuteRequest) -> Result:
        """Bind, run, shape."""
        statement = request.payload
        if not isinstance(statement, Statement):
            raise StatementInvalid("the memory driver takes statements only", outcome=Outcome.NOT_SENT)
        values = [
            to_native(parameter, value, index)
            for index, (parameter, value) in enumerate(zip(statement.parameters, request.values, strict=True))
        ]
        answer = await self._run(
            statement.text,
            values,
            read_only=request.read_only,
            limits=request.limits,
            deadline=request.deadline,
        )
        return result_of(answer, request.limits)

    async def prepare(self, statement: Statement, *, deadline: float) -> Prepared:
        """Let SQLite compile the statement; a read's columns come from asking for none of its rows."""
        text = f"SELECT * FROM ({statement.text}\n) LIMIT 0" if not statement.writes else f"EXPLAIN {statement.text}"
        nulls = (None,) * len(statement.parameters)
        answer = await self._run(text, nulls, deadline=deadline, read_only=not statement.writes)
        columns = () if statement.writes else columns_of(answer.names or ())[0]
        return Prepared(
            parameter_types=(None,) * len(statement.parameters),
            columns=columns,
            returns_rows=statement.returns_rows,
        )

    async def describe(self, path: Sequence[str], page: str | None) -> Structure:
        """Describe every table on one page; there are no schemas."""
        deadline = asyncio.get_running_loop().time() + 10
        query = "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY lower(name)"
        found = await self._run(query, (), deadline=deadline)
        return Structure(tables=tuple([await self._describe(name, kind, deadline) for name, kind in found.rows]))

    async def close(self) -> None:
        """Log out."""
        if self._login is not None:
            self._login = None
            self._server.clients -= 1

    async def _describe(self, name: str, kind: str, deadline: float) -> StructureTable:
        columns = await self._run(
            'SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?)',
            (name,),
            deadline=deadline,
        )
        foreign = await self._run(
            'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id, seq',
            (name,),
            deadline=deadline,
        )
        quoted = name.replace('"', '""')
        primary = tuple(row[0] for row in sorted(columns.rows, key=lambda row: row[4]) if row[4])
        keys = [StructureKey(name="primary key", kind=KeyKind.PRIMARY, columns=primary)] if primary else []
        keys += [
            StructureKey(
                name=f"foreign key {number}",
                kind=KeyKind.FOREIGN,
                columns=tuple(row[2] for row in foreign.rows if row[0] == number),
                referenced_table=next(row[1] for row in foreign.rows if row[0] == number),
                referenced_columns=tuple(row[3] for row in foreign.rows if row[0] == number if row[3]),
            )
            for number in sorted({row[0] for row in foreign.rows})
        ]
        return StructureTable(
            name=name,
            kind=kind,
            columns=tuple(
                StructureColumn(name=row[0], type=row[1], nullable=not row[2], default=row[3], generated=row[5] > 1)
                for row in columns.rows
            ),
            keys=tuple(keys),
            starters=(Starter(title="Read", body=f'SELECT * FROM "{quoted}" LIMIT 10', suggested=True),),
        )

    async def _run(
        self,
        text: str,
        values: Sequence[object],
        *,
        deadline: float,
        read_only: bool = True,
        limits: Limits | None = None,
    ) -> Answer:
        """Run one statement and translate whatever goes wrong: the only place that calls the server."""
        limits = limits or Limits()
        if asyncio.get_running_loop().time() >= deadline:
            raise ExecutionTimeout("the deadline had passed before the statement was sent", outcome=Outcome.NOT_SENT)
        await self._log_in()
        try:
            return await self._server.run(
                text,
                values,
                database=self._database,
                read_only=read_only,
                rows=limits.rows + 1,
                affected=limits.affected,
                deadline=deadline,
            )
        except TimeoutError:
            raise ExecutionTimeout("the statement took too long", outcome=Outcome.ROLLED_BACK) from None
        except TooManyChanges:
            raise AffectedLimitExceeded(
                "the statement changes more rows than the action allows", outcome=Outcome.ROLLED_BACK
            ) from None
        except ScriptedFailure as error:
            raise scripted(str(error)) from None
        except sqlite3.Error as error:
            raise translated(error) from None

    async def _log_in(self) -> None:
        if self._login is None:
            raise Disconnected("the client is closed", outcome=Outcome.NOT_SENT)
        async with self._login:
            if self._logged_in:
                return
            try:
                await self._server.connect(self._password.reveal() if self._password else "")
            except LoginRefused:  # its text quotes the password: nothing of it goes further
                raise CredentialsRejected("the password was refused", outcome=Outcome.NOT_SENT) from None
            self._logged_in = True


class MemoryDriver(Driver):
    """Datasources in memory, for tests."""

    kind: ClassVar[str] = "memory"
    title: ClassVar[str] = "Memory"
    payload: ClassVar[Payload] = Payload.STATEMENT
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.PREPARE,
            Capability.READ_ONLY,
            Capability.CANCEL,
            Capability.STRUCTURE,
            Capability.AFFECTED_LIMIT,
        }
    )
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            name="database",
            type=FieldType.TEXT,
            label="Database",
            help="Which of the server's databases.",
            default="main",
            required=True,
            destination=True,
            max_length=64,
        ),
        Field(name="password", type=FieldType.TEXT, label="Password", secret=True),
    )
    actions: ClassVar[tuple[ActionField, ...]] = (
        ActionField(
            name="body",
            type=FieldType.MULTILINE,
            label="Statement",
            required=True,
            place=Place.SQL,
            max_length=65_536,
        ),
    )
    dialect: ClassVar[Dialect | None] = DIALECT

    def __init__(self, server: MemoryServer | None = None) -> None:
        self.server = server or MemoryServer()
        """The outside world. Not state of the driver: a real one would be found over the network."""

    async def open(
        self, configuration: Mapping[str, Any], secrets: Mapping[str, Secret], context: OpenContext
    ) -> MemoryClient:
        """Make a Client; it logs in with its first statement."""
        return MemoryClient(self.server, configuration["database"], secrets.get("password"))
