"""Making a connection: a checked address, everything explicit, nothing from the environment; and refusing what is unsafe.

asyncpg's public ``connect`` reads variables, password files and service files. Below it are ``_ConnectionParameters`` and
``_create_ssl_connection``, which read nothing: what is not written here does not happen. ``test_seams`` says what each
must do.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import asyncpg
from asyncpg import connect_utils

from appsmith_proxy.sdk import ConnectFailed, CredentialsRejected, Lane, Outcome, SqlLogin, dial_in_turn
from appsmith_proxy_postgres import faults
from appsmith_proxy_postgres.meter import Meter

CLOSE_SECONDS: Final = 2.0
"""How long a cancel, and a goodbye, may take."""

PINS: Final[Mapping[str, str]] = {
    # What the text forms of values depend on. As startup parameters, so that RESET ALL restores them.
    "TimeZone": "UTC",
    "DateStyle": "ISO",
    "IntervalStyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "application_name": "appsmith_proxy",
    "idle_in_transaction_session_timeout": "60s",
}


READ_ONLY: Final[Mapping[Lane, str]] = {Lane.READ_WRITE: "off", Lane.READ_ONLY: "on"}
"""Whether transactions of a lane are read-only, from the startup parameters on."""


class _Connection(asyncpg.Connection):  # type: ignore[misc]  # reason: asyncpg has no types
    """asyncpg's, but for what becomes of requests to cancel: cut short, each would leave its own socket half closed."""

    __slots__ = ()

    def _clean_tasks(self) -> None:
        """Leave them; ``Wire.close`` waits for them."""


async def connect(login: SqlLogin, lane: Lane, *, deadline: float) -> tuple[Any, Meter]:
    """Connect and log in, trying one checked address after the other.

    Returns:
        asyncpg's connection and the protocol beneath it.

    Raises:
        DatasourceError: no address gave a session in time; nothing was sent but the login.
    """
    return await dial_in_turn(
        login.target,
        partial(_dial, login, lane),
        faults.translate_connect,
        raised=faults.RAISED,
        deadline=deadline,
    )


async def _dial(login: SqlLogin, lane: Lane, address: str) -> tuple[Any, Meter]:
    loop = asyncio.get_running_loop()
    place = (address, login.target.port)
    parameters = _parameters(login, lane)
    ready: asyncio.Future[Any] = loop.create_future()

    def protocol() -> Meter:
        meter = Meter(place, ready, parameters, asyncpg.Record, loop)
        meter.clear_text_allowed = login.verified
        return meter

    transport: Any = None
    try:
        if login.context is None:
            transport, meter = await loop.create_connection(protocol, *place)
        else:
            transport, meter = await connect_utils._create_ssl_connection(  # noqa: SLF001  # reason: see the top
                protocol, *place, loop=loop, ssl_context=login.context
            )
        await _logged_in(ready, meter)
        _check_startup(meter, lane)
    except BaseException:
        if ready.done() and not ready.cancelled():
            ready.exception()  # seen: nobody else will ask
        ready.cancel()
        if transport is not None:
            transport.abort()
        raise
    configuration = connect_utils._ClientConfiguration(  # noqa: SLF001  # reason: see the top
        command_timeout=CLOSE_SECONDS,
        statement_cache_size=0,
        max_cached_statement_lifetime=0,
        max_cacheable_statement_size=0,
    )
    connection = _Connection(meter, transport, loop, place, configuration, parameters)
    meter.set_connection(connection)
    return connection, meter


def _parameters(login: SqlLogin, lane: Lane) -> Any:
    settings = {
        **PINS,
        "statement_timeout": f"{login.ceiling_seconds}s",
        "default_transaction_read_only": READ_ONLY[lane],
    }
    return connect_utils._ConnectionParameters(  # noqa: SLF001  # reason: see the top
        user=login.username,
        password=login.password.reveal() if login.password is not None else "",
        database=login.database,
        ssl=login.context,
        sslmode=connect_utils.SSLMode.disable if login.context is None else connect_utils.SSLMode.require,
        ssl_negotiation=connect_utils.SSLNegotiation.postgres,
        server_settings=settings,
        target_session_attrs=connect_utils.SessionAttribute.any,
        krbsrvname=None,
        gsslib=None,
    )


async def _logged_in(ready: "asyncio.Future[Any]", meter: Meter) -> None:
    try:
        await ready
    except asyncpg.PostgresError:
        if meter.clear_text_refused:
            raise CredentialsRejected(
                "the server asks for the password in clear text, and its identity is not verified",
                hint="use scram-sha-256 at the server, or a tlsMode that verifies it",
                outcome=Outcome.NOT_SENT,
            ) from None
        raise


def _check_startup(meter: Meter, lane: Lane) -> None:
    if getattr(meter.get_settings(), "default_transaction_read_only", "") != READ_ONLY[lane]:
        raise ConnectFailed(
            "the server, or a pooler before it, ignores the session's startup parameters",
            hint="connect to the server directly, or to a pooler that passes startup parameters on",
            outcome=Outcome.NOT_SENT,
        )
