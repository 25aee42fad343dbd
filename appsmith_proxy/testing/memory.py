"""The reference memory driver (kind ``memory``): the contract in one readable file, with no server to start.

It takes SQL, because statements, placeholders and a dialect are what the compiler, the gateway and the web must be
tested with; ``MemoryServer`` runs them on SQLite inside the process. For fast tests it offers what a real server
makes hard: ``SELECT sleep(0.5)``, ``SELECT fail('Disconnected')``, ``SELECT fail('crash')``, and columns of every type:
an alias ``"price [decimal]"`` makes a column ``price`` of that type (the convention of the standard library's sqlite3).

::

    server = MemoryServer(password="…")        # the outside world, owned by the test
    server.fill("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    driver = MemoryDriver(server)
"""

import asyncio
import re
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from appsmith_proxy.sdk import (
    ActionField,
    AffectedLimitExceeded,
    BadResponse,
    Capability,
    Cell,
    Client,
    Column,
    ColumnType,
    ConstraintViolated,
    CredentialsRejected,
    DatasourceError,
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
    ParameterInvalid,
    Payload,
    PermissionRejected,
    Place,
    Prepared,
    ResourceExhausted,
    Result,
    Secret,
    Starter,
    Statement,
    StatementInvalid,
    Structure,
    StructureColumn,
    StructureKey,
    StructureTable,
    unique_names,
)
from appsmith_proxy.testing.memory_dialect import DIALECT, to_native
from appsmith_proxy.testing.memory_server import Answer, LoginRefused, MemoryServer, ScriptedFailure, TooManyChanges

__all__ = ["DIALECT", "MemoryClient", "MemoryDriver", "MemoryServer"]

_ERRORS: Final[Mapping[str, type[DatasourceError]]] = {
    "SQLITE_AUTH": PermissionRejected,
    "SQLITE_READONLY": PermissionRejected,
    "SQLITE_CONSTRAINT": ConstraintViolated,
    "SQLITE_ERROR": StatementInvalid,
    "SQLITE_FULL": ResourceExhausted,
    "SQLITE_MISMATCH": ParameterInvalid,
    "SQLITE_NOMEM": ResourceExhausted,
    "SQLITE_TOOBIG": ResourceExhausted,
}
"""SQLite's result code, without its extension (``SQLITE_CONSTRAINT_UNIQUE``), → ours."""

_TYPED_ALIAS: Final = re.compile(r"(.*) \[(\w+)\]", re.DOTALL)
_FAILURES: Final[Mapping[str, type[DatasourceError]]] = {
    error.__name__: error for error in DatasourceError.__subclasses__()
}


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
        return _result(answer, request.limits)

    async def prepare(self, statement: Statement, *, deadline: float) -> Prepared:
        """Let SQLite compile the statement; a read's columns come from asking for none of its rows."""
        text = f"SELECT * FROM ({statement.text}\n) LIMIT 0" if not statement.writes else f"EXPLAIN {statement.text}"
        nulls = (None,) * len(statement.parameters)
        answer = await self._run(text, nulls, deadline=deadline, read_only=not statement.writes)
        columns = () if statement.writes else _columns(answer.names or ())[0]
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
            raise _scripted(str(error)) from None
        except sqlite3.Error as error:
            raise _translated(error) from None

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


def _result(answer: Answer, limits: Limits) -> Result:
    if answer.names is None:
        return Result(affected=answer.affected)
    columns, repeated = _columns(answer.names)
    kept: list[tuple[Cell, ...]] = []
    size = 0
    for row in answer.rows[: limits.rows]:
        size += sum(len(cell) if isinstance(cell, str | bytes) else 8 for cell in row)
        if size > limits.bytes:
            break
        kept.append(tuple(_cell(column, cell) for column, cell in zip(columns, row, strict=True)))
    return Result(
        columns=columns,
        rows=kept,
        truncated=len(kept) < len(answer.rows),
        messages=tuple(f"column {name} occurs more than once; the later ones are numbered" for name in repeated),
    )


def _columns(names: Sequence[str]) -> tuple[tuple[Column, ...], list[str]]:
    parts = [_TYPED_ALIAS.fullmatch(name) for name in names]
    plain, repeated = unique_names(
        part[1] if part and part[2] in list(ColumnType) else name for part, name in zip(parts, names, strict=True)
    )
    types = [ColumnType(part[2]) if part and part[2] in list(ColumnType) else ColumnType.ANY for part in parts]
    return tuple(Column(name, type_, type_.value) for name, type_ in zip(plain, types, strict=True)), repeated


def _cell(column: Column, cell: Cell) -> Cell:
    """Return the cell as its column's type wants it. SQLite has no boolean and no decimal."""
    if cell is None:
        return None
    match column.type:
        case ColumnType.BOOLEAN:
            return bool(cell)
        case ColumnType.DECIMAL:
            return str(cell)
        case ColumnType.FLOAT:
            return float(cell)
        case _:
            return cell


def _scripted(code: str) -> Exception:
    error = _FAILURES.get(code)
    return RuntimeError(code) if error is None else error("the statement asked for this", native_code=code)


def _translated(error: sqlite3.Error) -> DatasourceError:
    name: str = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
    kind = next((ours for prefix, ours in _ERRORS.items() if name.startswith(prefix)), BadResponse)
    text = str(error)
    return kind(
        "SQLite refused the statement",
        outcome=Outcome.ROLLED_BACK,
        native_code=name,
        native_message=text,
        constraint=text.rpartition(": ")[2] if kind is ConstraintViolated else "",
    )
