"""What the test call tells: the server's version, and what about the role or the connection should worry an operator."""

from typing import Final

from appsmith_proxy.sdk import BadResponse, Health, Outcome, Statement, TlsConfiguration
from appsmith_proxy_postgres.wire import Wire

OLDEST: Final = 14

_RIGHTS: Final[tuple[tuple[str, str], ...]] = (
    ("r.rolsuper", "the role is a superuser: it may read files and run programs on the server"),
    ("r.rolcreaterole", "the role may create and change roles"),
    ("r.rolcreatedb", "the role may create databases"),
    ("r.rolreplication", "the role may replicate: it can read the whole server"),
    ("r.rolbypassrls", "the role bypasses row security"),
    ("pg_has_role(r.oid, 'pg_read_server_files', 'USAGE')", "the role may read files on the server"),
    ("pg_has_role(r.oid, 'pg_write_server_files', 'USAGE')", "the role may write files on the server"),
    ("pg_has_role(r.oid, 'pg_execute_server_program', 'USAGE')", "the role may run programs on the server"),
)
_STATE: Final = Statement(
    text=" ".join(
        (
            "SELECT current_setting('server_version'), current_setting('server_version_num')::int4,",
            ", ".join(condition for condition, _ in _RIGHTS),
            "FROM pg_catalog.pg_roles r WHERE r.rolname = current_user",
        )
    )
)


async def check(wire: Wire, tls: TlsConfiguration) -> Health:
    """Ask the server about itself and the role.

    Raises:
        BadResponse: the server is older than the driver can serve.
    """
    ((version, number, *rights),) = await wire.fetch(_STATE)
    if number < OLDEST * 10_000:
        raise BadResponse(
            f"the server is PostgreSQL {number // 10_000}, the driver needs {OLDEST} or newer", outcome=Outcome.NOT_SENT
        )
    warnings = [text for held, (_, text) in zip(rights, _RIGHTS, strict=True) if held]
    return Health(server=f"PostgreSQL {version}", warnings=(*warnings, *tls.warnings()))
