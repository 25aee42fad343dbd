"""The rows of a MySQL datasource, and what an operator sets."""

from typing import Final

from appsmith_proxy.sdk import ceiling_option, sql_server_fields

PORT: Final = 3306

FIELDS: Final = sql_server_fields(port=PORT, database_length=64, account="an account", account_length=128)

OPTIONS: Final = (
    ceiling_option(
        help="The server itself ends a statement after so many seconds, whatever the action's deadline says (MySQL: reads)."
    ),
)
