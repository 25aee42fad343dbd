"""The MySQL driver: what it can do, how it is configured, and its Clients."""

from collections.abc import Mapping
from typing import Any, ClassVar

from appsmith_proxy.sdk import Capability, Client, OpenContext, Secret, SqlServerDriver
from appsmith_proxy_mysql.client import MysqlClient
from appsmith_proxy_mysql.dialect import MYSQL
from appsmith_proxy_mysql.fields import FIELDS, OPTIONS, PORT


class MysqlDriver(SqlServerDriver):
    """MySQL 8.0 and newer, MariaDB 10.6 and newer."""

    kind: ClassVar = "mysql"
    title: ClassVar = "MySQL / MariaDB"
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
    tls_protocol: ClassVar = "mysql"
    options: ClassVar = OPTIONS
    dialect: ClassVar = MYSQL

    async def open(
        self, configuration: Mapping[str, Any], secrets: Mapping[str, Secret], context: OpenContext
    ) -> Client:
        """Build a Client; it connects with its first execution."""
        return MysqlClient(self.server(configuration), secrets, context)
