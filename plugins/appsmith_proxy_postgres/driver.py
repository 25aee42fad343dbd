"""The PostgreSQL driver: what it can do, how it is configured, and its Clients."""

from collections.abc import Mapping
from typing import Any, ClassVar

from appsmith_proxy.sdk import Capability, Client, Driver, OpenContext, Payload, Problem, Secret, TlsMode
from appsmith_proxy_postgres.client import PostgresClient
from appsmith_proxy_postgres.dialect import POSTGRES
from appsmith_proxy_postgres.encoding import ENCODE_ROWS
from appsmith_proxy_postgres.fields import ACTIONS, FIELDS, OPTIONS, Configuration, problems


class PostgresDriver(Driver):
    """PostgreSQL 14 and newer."""

    kind: ClassVar = "postgres"
    title: ClassVar = "PostgreSQL"
    payload: ClassVar = Payload.STATEMENT
    capabilities: ClassVar = frozenset(
        {
            Capability.PREPARE,
            Capability.READ_ONLY,
            Capability.CANCEL,
            Capability.STRUCTURE,
            Capability.TRANSACTIONS,
            Capability.AFFECTED_LIMIT,
            Capability.ENCODED_ROWS,
        }
    )
    fields: ClassVar = FIELDS
    actions: ClassVar = ACTIONS
    options: ClassVar = OPTIONS
    dialect: ClassVar = POSTGRES
    encode_rows: ClassVar = ENCODE_ROWS
    """Answers of so many rows are encoded by the server from the next execution on."""

    def validate(self, configuration: Mapping[str, Any], secrets_set: frozenset[str]) -> list[Problem]:
        """Return every problem of a configuration, of each field and between fields."""
        found = super().validate(configuration, secrets_set)
        return found or list(problems(configuration, secrets_set))

    def tls_endpoint(self, configuration: Mapping[str, Any]) -> tuple[str, int, str] | None:
        """Return where TLS is spoken, unless it is switched off."""
        plain = Configuration.read(configuration)
        return None if plain.tls.mode is TlsMode.DISABLE else (plain.host, plain.port, "postgres")

    async def open(
        self, configuration: Mapping[str, Any], secrets: Mapping[str, Secret], context: OpenContext
    ) -> Client:
        """Build a Client; it connects with its first execution."""
        return PostgresClient(Configuration.read(configuration), secrets, context, encode_rows=self.encode_rows)
