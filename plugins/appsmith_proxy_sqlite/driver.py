"""The SQLite driver: its fields, its options, and how a Client is made."""

from collections.abc import Mapping
from typing import Any, ClassVar

from appsmith_proxy.sdk import (
    SQL_STATEMENT,
    SQL_STEPS,
    Capability,
    Client,
    Dialect,
    Driver,
    Field,
    FieldType,
    OpenContext,
    Payload,
    Problem,
    Secret,
)
from appsmith_proxy_sqlite.client import SqliteClient
from appsmith_proxy_sqlite.dialect import SQLITE
from appsmith_proxy_sqlite.files import FOLDER, DatabaseFile, name_problem


class SqliteDriver(Driver):
    """SQLite files below a folder that the operator configures."""

    kind: ClassVar[str] = "sqlite"
    title: ClassVar[str] = "SQLite"
    payload: ClassVar[Payload] = Payload.STATEMENT
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.PREPARE,
            Capability.READ_ONLY,
            Capability.CANCEL,
            Capability.STRUCTURE,
            Capability.AFFECTED_LIMIT,
            Capability.TRANSACTIONS,
        }
    )
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            name="file",
            type=FieldType.TEXT,
            label="File",
            help="Path of an existing database file, relative to the folder that the operator configured.",
            required=True,
            destination=True,
            max_length=512,
        ),
        Field(
            name="readOnly",
            type=FieldType.BOOLEAN,
            label="Read only",
            help="Open the file read-only for every action.",
            default=False,
        ),
        Field(
            name="foreignKeys",
            type=FieldType.BOOLEAN,
            label="Enforce foreign keys",
            help="SQLite itself leaves declared foreign keys unchecked unless asked.",
            default=True,
        ),
    )
    actions: ClassVar = (SQL_STATEMENT, SQL_STEPS)
    options: ClassVar[tuple[Field, ...]] = (
        Field(
            name=FOLDER,
            type=FieldType.TEXT,
            label="Folder",
            help="Absolute path below which SQLite files may be opened. Without it every file is refused.",
        ),
    )
    dialect: ClassVar[Dialect | None] = SQLITE

    def validate(self, configuration: Mapping[str, Any], secrets_set: frozenset[str]) -> list[Problem]:
        """Check the field table and the shape of the file's name; whether it exists is seen when it is opened."""
        problems = super().validate(configuration, secrets_set)
        name = configuration.get("file")
        if not problems and isinstance(name, str) and (problem := name_problem(name)):
            problems.append(Problem("configuration.file", problem))
        return problems

    async def open(
        self, configuration: Mapping[str, Any], secrets: Mapping[str, Secret], context: OpenContext
    ) -> Client:
        """Make a Client; it opens the file with its first statement."""
        return SqliteClient(
            DatabaseFile.of(configuration, context.options, context.protected_paths),
            read_only=configuration.get("readOnly", False),
            foreign_keys=configuration.get("foreignKeys", True),
            max_connections=context.max_connections,
            idle_seconds=context.idle_seconds,
        )
