"""What SQLite runs, told by SQLite itself: the trace of each connection that the driver opens.

SQLite keeps no log, and the driver hands its connections out to nobody. But Python tells of each connection that is made
(the audit event ``sqlite3.connect/handle``), the driver looks at the file once more when it has opened it, on the
connection's own thread, and there the connection is given a trace. SQLite tells the trace what it runs with the values
written out in their places, so statements are compared by their *shapes*: the text with ``?`` for every value. A value
that became more than one has another shape.
"""

import re
import sqlite3
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from appsmith_proxy.sdk import Client, OpenContext, Secret
from appsmith_proxy_sqlite.client import SqliteClient
from appsmith_proxy_sqlite.driver import SqliteDriver
from appsmith_proxy_sqlite.files import DatabaseFile, Identity

_VALUE: Final = re.compile(
    r"\?[0-9]+|[xX]?'(?:[^']|'')*'|(?<![\w.\"])-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?!\w)|\bNULL\b"
)


def shape(text: str) -> str:
    """Return a statement's text with ``?`` for every placeholder and every value."""
    return _VALUE.sub("?", text)


class Connections:
    """Knows the connection that a thread has made last. One for a process: what hears audit events hears them to its end."""

    def __init__(self) -> None:
        self._made = threading.local()
        sys.addaudithook(self._hear)

    def take(self) -> sqlite3.Connection | None:
        """Return the connection that this thread has made since it was last asked."""
        connection: sqlite3.Connection | None = vars(self._made).pop("connection", None)
        return connection

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "sqlite3.connect/handle" and threading.current_thread() is not threading.main_thread():
            self._made.connection = arguments[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedFile(DatabaseFile):
    """A file whose connections tell what they run."""

    connections: Connections
    shapes: set[str]
    """Filled with the shapes of what ran."""

    def inspect(self) -> tuple[Path, Identity]:
        """Look at the file, and give a connection that was just made its trace."""
        made = self.connections.take()
        if made is not None:
            made.set_trace_callback(lambda text: self.shapes.add(shape(text)))
        return DatabaseFile.inspect(self)


class TracedSqliteDriver(SqliteDriver):
    """The driver with a file that tells."""

    def __init__(self, connections: Connections, shapes: set[str]) -> None:
        self._connections = connections
        self._shapes = shapes

    async def open(
        self, configuration: Mapping[str, Any], secrets: Mapping[str, Secret], context: OpenContext
    ) -> Client:
        """Make a Client of the file."""
        file = DatabaseFile.of(configuration, context.options, context.protected_paths)
        traced = TracedFile(
            folder=file.folder,
            name=file.name,
            protected=file.protected,
            connections=self._connections,
            shapes=self._shapes,
        )
        return SqliteClient(
            traced,
            read_only=configuration["readOnly"],
            foreign_keys=configuration["foreignKeys"],
            max_connections=context.max_connections,
            idle_seconds=context.idle_seconds,
        )
