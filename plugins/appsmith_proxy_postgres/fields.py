"""The rows of a PostgreSQL datasource, and what an operator sets."""

from typing import Final

from appsmith_proxy.sdk import ceiling_option, sql_server_fields

PORT: Final = 5432

FIELDS: Final = sql_server_fields(port=PORT, database_length=63, account="a role", account_length=63)

OPTIONS: Final = (
    ceiling_option(
        help="The server itself cancels a statement after so many seconds, whatever the action's deadline says."
    ),
)
