"""Who a server says it is, and the one statement that pins its sessions. That it works is in ``test_wire``.

The text is compared as a whole: what a MariaDB restores by itself after a reset, a MySQL does not.
"""

import pytest

from appsmith_proxy.sdk import Lane
from appsmith_proxy_mysql.pins import pins, server_info

_EVERYWHERE = (
    "SET NAMES utf8mb4, time_zone = '+00:00',"
    " sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION',"
    " autocommit = 1, sql_auto_is_null = 0, completion_type = 'NO_CHAIN', "
)


@pytest.mark.parametrize(
    ("version", "lane", "own"),
    [
        ("8.0.36", Lane.READ_WRITE, "max_execution_time = 30000, transaction_read_only = 0"),
        ("8.4.0-cloud", Lane.READ_ONLY, "max_execution_time = 30000, transaction_read_only = 1"),
        ("5.5.5-10.6.7-MariaDB", Lane.READ_ONLY, "max_statement_time = 30, tx_read_only = 1"),
        ("11.4.2-MariaDB-log", Lane.READ_WRITE, "max_statement_time = 30, tx_read_only = 0"),
    ],
)
def test_a_session_is_pinned_to_this(version: str, lane: Lane, own: str) -> None:
    assert pins(server_info(version), lane, ceiling_seconds=30) == _EVERYWHERE + own


@pytest.mark.parametrize(
    ("text", "product", "version"),
    [
        ("5.5.5-10.11.19-MariaDB-0+deb12u1", "MariaDB", (10, 11, 19)),
        ("11.4.2-MariaDB", "MariaDB", (11, 4, 2)),
        ("8.0.36-0ubuntu0.22.04.1", "MySQL", (8, 0, 36)),
        ("9.1.0", "MySQL", (9, 1, 0)),
        ("5.7.44-log", "MySQL", (5, 7, 44)),
        ("8.0.mysql_aurora.3.05.2", "MySQL", (8, 0)),
        ("9" * 300, "MySQL", ()),
        ("", "MySQL", ()),
    ],
)
def test_who_a_server_is(text: str, product: str, version: tuple[int, ...]) -> None:
    server = server_info(text)
    assert (server.product, server.version) == (product, version)
