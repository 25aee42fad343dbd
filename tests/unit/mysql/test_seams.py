"""What the driver takes from inside aiomysql, each in a sentence: read this first when its version moves.

All of it stands in ``login.py``, and only until the server has let us in.
"""

import ast
import asyncio
import inspect
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiomysql
import pytest
from pymysql.connections import MysqlPacket
from pymysql.constants import CLIENT
from pymysql.err import MySQLError, OperationalError

import appsmith_proxy_mysql
from appsmith_proxy_mysql.protocol import Client
from tests.servers.mysql_rogue import SALT, USUAL, failure, greeting, okay, packet


class _Scripted:
    """A reader and a writer at once: aiomysql wants ``readexactly``, ``write`` and ``transport``, and nothing else."""

    transport = None

    def __init__(self, said: bytes) -> None:
        self.said = said
        self.written = b""

    async def readexactly(self, size: int) -> bytes:
        data, self.said = self.said[:size], self.said[size:]
        assert len(data) == size, "aiomysql reads more than there is"
        return data

    def write(self, data: bytes) -> None:
        self.written += data


def _connection(said: bytes, **options: Any) -> tuple[Any, _Scripted]:
    usual: dict[str, Any] = {
        "host": "db.example",
        "port": 3306,
        "user": "me",
        "password": "sesame",
        "charset": "utf8mb4",
        "local_infile": False,
        "loop": asyncio.get_running_loop(),
    }
    connection = aiomysql.Connection(**usual | options)
    script = _Scripted(said)
    connection._reader = connection._writer = script
    connection._next_seq_id = 0
    return connection, script


def _let_go(connection: Any) -> None:
    connection._reader = connection._writer = None


def test_the_version_is_one_that_was_tried() -> None:
    assert version("aiomysql").startswith("0.3.")
    assert version("PyMySQL").startswith("1.")


def test_one_file_alone_knows_aiomysql() -> None:
    folder = Path(inspect.getfile(appsmith_proxy_mysql)).parent
    knows = {
        path.name
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import) and any(alias.name == "aiomysql" for alias in node.names)
    }
    assert knows == {"login.py"}


async def test_making_a_connection_dials_nobody_and_asks_for_several_statements() -> None:
    """``Connection()`` only keeps what it is given; it sets MULTI_STATEMENTS, which we therefore take out."""
    connection, _ = _connection(b"")
    assert connection.client_flag & CLIENT.MULTI_STATEMENTS
    assert not connection.client_flag & CLIENT.LOCAL_FILES
    assert connection._connect_attrs.keys() == {"_client_name", "_pid", "_client_version"}
    assert connection._ssl_context is None
    assert connection._secure is False
    _let_go(connection)


async def test_the_greeting_is_read_into_these_fields() -> None:
    connection, script = _connection(packet(0, greeting(flags=USUAL, way="caching_sha2_password")))
    await connection._get_server_information()
    assert connection.server_version == "8.0.36"
    assert connection.server_capabilities == USUAL
    assert connection.server_thread_id == (77,)
    assert connection.salt == SALT
    assert connection._server_auth_plugin == "caching_sha2_password"
    assert script.said == b""
    assert script.written == b""
    _let_go(connection)


async def test_the_answer_to_it_carries_our_flags_attributes_and_way() -> None:
    """``_request_authentication`` sends ``client_flag``, ``_user``, ``_connect_attrs``; ``_client_auth_plugin`` first."""
    connection, script = _connection(packet(0, greeting()) + packet(2, okay()))
    await connection._get_server_information()
    connection.client_flag = int(USUAL & ~Client.MULTI_STATEMENTS & ~Client.LOCAL_FILES)
    connection._user = ""
    connection._connect_attrs = {"program_name": "x"}
    connection._client_auth_plugin = "caching_sha2_password"
    await connection._request_authentication()
    sent = script.written[4:]
    assert script.written[3] == 1, "the number of the packet"
    assert int.from_bytes(sent[:4], "little") == connection.client_flag
    assert not connection.client_flag & CLIENT.MULTI_STATEMENTS
    assert sent[8] == 45, "utf8mb4"
    assert sent[28:32] == bytes(4), "where MariaDB's further flags stand"
    assert sent[32:34] == b"\0\x20", "no name, and a proof of 32 bytes"
    assert sent.endswith(b"caching_sha2_password\0\x0f\x0cprogram_name\x01x")
    _let_go(connection)


async def test_each_packet_of_the_login_goes_through_these_two() -> None:
    """``write_packet`` for what is sent, ``_read_packet`` for what is heard: there our guards stand."""
    seen: list[str] = []

    class Watched(aiomysql.Connection):  # type: ignore[misc]  # reason: aiomysql has no types
        def write_packet(self, payload: bytes) -> None:
            seen.append("out")
            super().write_packet(payload)

        async def _read_packet(self, packet_type: Any = MysqlPacket) -> Any:
            heard = await super()._read_packet(packet_type)
            seen.append(f"in {heard.get_all_data()[:1].hex()}")
            return heard

    said = packet(0, greeting()) + packet(2, b"\xfemysql_native_password\0" + SALT + b"\0") + packet(4, okay())
    connection, script = _connection(said)
    connection.__class__ = Watched
    await connection._get_server_information()
    await connection._request_authentication()
    assert seen == ["in 0a", "out", "in fe", "out", "in 00"]
    assert script.said == b""
    _let_go(connection)


async def test_a_switch_is_obeyed_by_these_ways_which_we_therefore_guard() -> None:
    """``_process_auth`` sends the password itself where the server asks: in clear text even without TLS."""
    said = packet(0, greeting()) + packet(2, b"\xfemysql_clear_password\0") + packet(4, okay())
    connection, script = _connection(said)
    await connection._get_server_information()
    await connection._request_authentication()
    assert b"sesame\0" in script.written
    _let_go(connection)


async def test_secure_means_that_the_password_itself_may_be_sent() -> None:
    """``_secure`` tells ``caching_sha2_password`` that there is TLS; with ``_ssl_context`` None aiomysql makes none."""
    for secure, asked in ((True, b"sesame\0"), (False, b"\x02")):
        said = packet(0, greeting(way="caching_sha2_password", flags=USUAL | Client.SSL))
        said += packet(2, b"\x01\x04") + packet(4, okay() if secure else failure(1045))
        connection, script = _connection(said)
        await connection._get_server_information()
        connection._secure = secure
        try:
            await connection._request_authentication()
        except OperationalError:
            assert not secure
        assert script.written.endswith(asked)
        _let_go(connection)


async def test_passwords_are_written_as_latin1_which_we_therefore_undo() -> None:
    connection, _ = _connection(b"", password="密".encode().decode("latin1"))
    assert connection._password.encode("latin1") == "密".encode()
    _let_go(connection)


async def test_an_error_of_the_server_comes_with_its_number_and_words() -> None:
    connection, _ = _connection(packet(0, b"\xff\x10\x04too many connections"))
    with pytest.raises(MySQLError) as caught:
        await connection._get_server_information()
    assert caught.value.args == (1040, "too many connections")
    _let_go(connection)
    connection, _ = _connection(packet(0, greeting()) + packet(2, failure(1045, "28000", "no")))
    await connection._get_server_information()
    with pytest.raises(MySQLError) as caught:
        await connection._request_authentication()
    assert caught.value.args == (1045, "no")
    assert getattr(caught.value, "sqlstate", "") == "28000"
    _let_go(connection)


async def test_without_reader_and_writer_a_connection_is_forgotten_in_silence() -> None:
    """``__del__`` warns of, and closes, a connection that has a writer: after the login it must have none."""
    connection, _ = _connection(b"")
    _let_go(connection)
    connection.__del__()
    connection.close()


def test_the_constants_are_the_protocols() -> None:
    for flag in Client:
        known = getattr(CLIENT, str(flag.name), None)
        assert known is None or known == flag
    assert Client.MYSQL == CLIENT.LONG_PASSWORD
