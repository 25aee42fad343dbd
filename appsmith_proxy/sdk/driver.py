"""The two classes a driver is: ``Driver`` (stateless, shareable) and ``Client`` (one datasource at one revision).

::

    Driver ──open(configuration, secrets, context)──▶ Client ──execute(request)──▶ Result
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from appsmith_proxy.errors import Problem
from appsmith_proxy.sdk.capabilities import API_VERSION, Capability, Payload
from appsmith_proxy.sdk.dialect import Dialect
from appsmith_proxy.sdk.field_checks import check_configuration
from appsmith_proxy.sdk.fields import ActionField, Field
from appsmith_proxy.sdk.network import Network
from appsmith_proxy.sdk.results import Cell, Column, Health, Prepared, Result, Structure
from appsmith_proxy.sdk.secrets import Secret
from appsmith_proxy.sdk.statements import ExecuteRequest, Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenContext:
    """What the proxy lends to a Client while it lives."""

    network: Network
    options: Mapping[str, Any] = field(default_factory=dict)
    """The operator's settings for this kind (``Driver.options``), validated."""
    protected_paths: tuple[Path, ...] = ()
    """Files and folders that no datasource may touch: the proxy's own."""
    max_connections: int = 10
    """Bound of the Client's pool: at most this many connections to the datasource."""
    idle_seconds: float = 300.0
    """Connections unused for so long are closed by the Client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionProblem:
    """One thing that is wrong with an action, as a driver found it."""

    path: tuple[str | int, ...]
    """The action field, then keys and positions in its JSON: ``("pipeline", 0, "$match")``."""
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCheck:
    """What a driver says of an action when it is saved."""

    writes: bool
    """It may change data, so it is not run read-only."""
    problems: tuple[ActionProblem, ...] = ()


class Client(ABC):
    """One datasource at one revision. Safe for concurrent use; owns its pool; the proxy closes it."""

    @abstractmethod
    async def check(self) -> Health:
        """Prove that the datasource can be used: connect, authenticate, ask it something.

        Raises:
            DatasourceError: it cannot.
        """

    @abstractmethod
    async def execute(self, request: ExecuteRequest) -> Result:
        """Run one payload with its values, within its deadline and limits.

        Cancelling this coroutine ends the work at the datasource where ``Capability.CANCEL`` is declared. A connection
        in an unknown state is closed, never reused.

        Raises:
            DatasourceError: and nothing else; ``outcome`` is honest.
            asyncio.CancelledError: always propagated.
        """

    @abstractmethod
    async def close(self) -> None:
        """Close every connection. Idempotent; leaves no task, thread or descriptor."""


class Driver(ABC):
    """A sort of datasource. Stateless, cheap, shareable between runtimes."""

    kind: ClassVar[str]
    """Stable identifier, stored in every datasource; never renamed. ``[a-z][a-z0-9_]*``."""
    title: ClassVar[str]
    api_version: ClassVar[int] = API_VERSION
    payload: ClassVar[Payload]
    capabilities: ClassVar[frozenset[Capability]] = frozenset()
    fields: ClassVar[tuple[Field, ...]] = ()
    """The configuration of a datasource as rows."""
    actions: ClassVar[tuple[ActionField, ...]] = ()
    """The configuration of an action as rows, each with its place."""
    options: ClassVar[tuple[Field, ...]] = ()
    """What an operator sets for this kind (``APPSMITH_PROXY_DRIVER_<KIND>_<NAME>``). No secrets here."""
    dialect: ClassVar[Dialect | None] = None
    """For SQL drivers (``Payload.STATEMENT``)."""
    reads_when: ClassVar[tuple[str, tuple[str, ...]] | None] = None
    """(action field, its values) with which an action only reads; None: it may always write. The compiler knows SQL itself."""

    def validate(self, configuration: Mapping[str, Any], secrets_set: frozenset[str]) -> list[Problem]:
        """Return every problem of a configuration, each with its path. Offline and pure.

        Args:
            configuration: the plain fields, as ``check_configuration`` normalised them.
            secrets_set: names of the secret fields that have a value.

        The default checks the field table; a driver that must relate fields to each other extends it.
        """
        return check_configuration(self.fields, configuration, secrets_set=secrets_set)[1]

    def check_action(self, fields: Mapping[str, Any]) -> ActionCheck:
        """Say whether an action writes, and what is wrong with it. Pure; not called for SQL, which the compiler reads.

        Args:
            fields: the action's fields in force, JSON fields as trees (see ``Document``), with unbound ``Leaf`` and
                ``Joined`` where bindings stand.

        The default goes by ``reads_when`` and finds nothing wrong.
        """
        row, values = self.reads_when or ("", ())
        return ActionCheck(writes=fields.get(row) not in values)

    def tls_endpoint(self, configuration: Mapping[str, Any]) -> tuple[str, int, str] | None:
        """Return (host, port, protocol) where TLS is spoken, so that editors can be shown the presented chain.

        ``protocol`` is as in ``Network.presented_chain``. None: this kind, or this configuration, speaks no TLS.
        """
        return None

    @abstractmethod
    async def open(
        self, configuration: Mapping[str, Any], secrets: Mapping[str, Secret], context: OpenContext
    ) -> Client:
        """Build a Client. Builds pools; need not connect.

        Args:
            configuration: validated plain fields, defaults filled in.
            secrets: by field name, ``field.key`` for an entry of a secret map. Reveal late, keep nowhere else.
            context: the only way out, the operator's options, and bounds.

        Returns:
            A Client; the caller closes it.

        Raises:
            DatasourceError: the datasource cannot be opened as configured.
        """


@runtime_checkable
class SupportsPrepare(Protocol):
    """``Capability.PREPARE``: check a statement at the server without running it."""

    async def prepare(self, statement: Statement, *, deadline: float) -> Prepared:
        """Prepare, report types, and leave nothing behind: no lock, no prepared name on a shared connection.

        Raises:
            StatementInvalid: the server refuses the text; ``position`` says where it can.
        """
        ...


@runtime_checkable
class SupportsStructure(Protocol):
    """``Capability.STRUCTURE``: describe tables, columns and keys."""

    async def describe(self, path: Sequence[str], page: str | None) -> Structure:
        """Describe what lies under ``path`` (``()`` is everything the role may see; ``(schema,)`` one schema)."""
        ...


class RowStream(Protocol):
    """Rows in batches; closed by the context manager that gave it."""

    columns: tuple[Column, ...]

    def batches(self) -> AsyncIterator[Sequence[Sequence[Cell]]]:
        """Yield batches until the end or the limits."""
        ...


@runtime_checkable
class SupportsStreaming(Protocol):
    """``Capability.STREAMING``."""

    def stream(self, request: ExecuteRequest) -> AbstractAsyncContextManager[RowStream]:
        """Run a read and hold its rows at the datasource."""
        ...


class Session(Protocol):
    """One transaction on one connection."""

    async def execute(self, request: ExecuteRequest) -> Result:
        """Run one statement inside the transaction."""
        ...


@runtime_checkable
class SupportsTransactions(Protocol):
    """``Capability.TRANSACTIONS``."""

    def transaction(self, *, read_only: bool, deadline: float) -> AbstractAsyncContextManager[Session]:
        """Begin; commit when the block ends well, roll back when it raises.

        Args:
            read_only: the datasource itself refuses whatever writes, whatever the requests in the block say.
            deadline: on the event loop's clock, for the whole of it: waiting for a connection, beginning and committing
                end then too. Each request in the block has its own, which is not later.

        Raises:
            DatasourceError: it could not begin, and nothing was sent; or it was not committed. ``outcome`` says which, and
                is ``unknown`` when the answer to the commit was lost.
        """
        ...


PROTOCOLS: Mapping[Capability, type] = {
    Capability.PREPARE: SupportsPrepare,
    Capability.STRUCTURE: SupportsStructure,
    Capability.STREAMING: SupportsStreaming,
    Capability.TRANSACTIONS: SupportsTransactions,
}
"""The protocol that a Client offers exactly when its driver declares the capability."""
