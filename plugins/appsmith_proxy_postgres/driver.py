"""The PostgreSQL driver: what it can do, how it is configured, and its Clients."""

from collections.abc import Mapping
from typing import Any, ClassVar

from appsmith_proxy.sdk import Capability, Client, OpenContext, Secret, SqlServerDriver
from appsmith_proxy_postgres.client import PostgresClient
from appsmith_proxy_postgres.dialect import POSTGRES
from appsmith_proxy_postgres.encoding import ENCODE_ROWS
from appsmith_proxy_postgres.fields import FIELDS, OPTIONS, PORT


class PostgresDriver(SqlServerDriver):
    """PostgreSQL 14 and newer."""

    kind: ClassVar = "postgres"
    title: ClassVar = "PostgreSQL"
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
    port: ClassVar = PORT
    tls_protocol: ClassVar = "postgres"
    options: ClassVar = OPTIONS
    dialect: ClassVar = POSTGRES
    encode_rows: ClassVar = ENCODE_ROWS
    """Answers of so many rows are encoded by the server from the next execution on."""

    async def open(
        self, configuration: Mapping[str, Any], secrets: Mapping[str, Secret], context: OpenContext
    ) -> Client:
        """Build a Client; it connects with its first execution."""
        return PostgresClient(self.server(configuration), secrets, context, encode_rows=self.encode_rows)
