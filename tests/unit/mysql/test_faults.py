"""Every error of a server, and every class that aiomysql raises, becomes one of ours, with an honest outcome."""

import inspect
import ssl
import struct
from collections.abc import Iterator

import aiomysql
import pymysql.err
import pytest
from pymysql.constants import CR, ER

from appsmith_proxy.sdk import (
    BadResponse,
    ConnectFailed,
    ConstraintViolated,
    CredentialsRejected,
    DatasourceError,
    Disconnected,
    ExecutionTimeout,
    Limits,
    Outcome,
    ParameterInvalid,
    PermissionRejected,
    ResourceExhausted,
    StatementInvalid,
    TlsFailed,
)
from appsmith_proxy_mysql import codes, faults
from appsmith_proxy_mysql.encode import bind
from appsmith_proxy_mysql.protocol import Malformed, Reported
from appsmith_proxy_mysql.wire import Wire
from tests.servers.mariadb import MariadbServer
from tests.servers.mysql_wire import answer, login_to, statement, wired

_EXPECTED = {
    "DUP_ENTRY": ConstraintViolated,
    "DUP_KEY": ConstraintViolated,
    "NO_REFERENCED_ROW_2": ConstraintViolated,
    "ROW_IS_REFERENCED_2": ConstraintViolated,
    "BAD_NULL_ERROR": ConstraintViolated,
    "NO_DEFAULT_FOR_FIELD": ConstraintViolated,
    "DATA_TOO_LONG": ParameterInvalid,
    "WARN_DATA_OUT_OF_RANGE": ParameterInvalid,
    "TRUNCATED_WRONG_VALUE": ParameterInvalid,
    "TRUNCATED_WRONG_VALUE_FOR_FIELD": ParameterInvalid,
    "DIVISION_BY_ZERO": ParameterInvalid,
    "ACCESS_DENIED_ERROR": CredentialsRejected,
    "DBACCESS_DENIED_ERROR": PermissionRejected,
    "TABLEACCESS_DENIED_ERROR": PermissionRejected,
    "COLUMNACCESS_DENIED_ERROR": PermissionRejected,
    "SPECIFIC_ACCESS_DENIED_ERROR": PermissionRejected,
    "PROCACCESS_DENIED_ERROR": PermissionRejected,
    "PARSE_ERROR": StatementInvalid,
    "SYNTAX_ERROR": StatementInvalid,
    "NO_SUCH_TABLE": StatementInvalid,
    "BAD_FIELD_ERROR": StatementInvalid,
    "NON_UNIQ_ERROR": StatementInvalid,
    "WRONG_VALUE_COUNT_ON_ROW": StatementInvalid,
    "UNSUPPORTED_PS": StatementInvalid,
    "UNKNOWN_STMT_HANDLER": StatementInvalid,
    "LOCK_WAIT_TIMEOUT": ResourceExhausted,
    "LOCK_DEADLOCK": ResourceExhausted,
    "CON_COUNT_ERROR": ResourceExhausted,
    "TOO_MANY_USER_CONNECTIONS": ResourceExhausted,
    "USER_LIMIT_REACHED": ResourceExhausted,
    "DISK_FULL": ResourceExhausted,
    "RECORD_FILE_FULL": ResourceExhausted,
    "OUTOFMEMORY": ResourceExhausted,
    "NET_PACKET_TOO_LARGE": ResourceExhausted,
    "MAX_PREPARED_STMT_COUNT_REACHED": ResourceExhausted,
    "QUERY_INTERRUPTED": ExecutionTimeout,
    "SERVER_SHUTDOWN": Disconnected,
    "NORMAL_SHUTDOWN": Disconnected,
    "ABORTING_CONNECTION": Disconnected,
    "NEW_ABORTING_CONNECTION": Disconnected,
    "NET_READ_ERROR": Disconnected,
    "BAD_DB_ERROR": ConnectFailed,
    "HOST_NOT_PRIVILEGED": CredentialsRejected,
    "HOST_IS_BLOCKED": ConnectFailed,
    "OPTION_PREVENTS_STATEMENT": PermissionRejected,
    "CRASHED_ON_USAGE": BadResponse,
    "VIEW_CHECK_FAILED": ConstraintViolated,
}


def _numbers() -> Iterator[tuple[str, int]]:
    for name, number in inspect.getmembers(ER, lambda value: isinstance(value, int)):
        if not name.startswith("__"):
            yield name, number


@pytest.mark.parametrize(("name", "number"), list(_numbers()), ids=str)
def test_each_number_is_translated(name: str, number: int) -> None:
    error = Reported(number, "HY000", "secret 4711")
    for translated in (faults.translate(error), faults.translate_connect(error)):
        assert type(translated) is not DatasourceError
        assert "4711" not in f"{translated} {translated.hint}"
        assert translated.native_code == str(number)
        assert translated.native_message == "secret 4711"
    if name in _EXPECTED:
        assert type(faults.translate(error)) is _EXPECTED[name]
    assert faults.translate_connect(error).outcome is Outcome.NOT_SENT


def test_every_expected_name_exists() -> None:
    """The table above names errors that this PyMySQL knows."""
    assert set(_EXPECTED) <= {name for name, _ in _numbers()}


def test_errors_that_clients_of_the_library_must_expect_are_never_a_defect_of_the_statement() -> None:
    """What PyMySQL's own table calls a fault of data or of integrity is none of the statement here either."""
    for number, kind in pymysql.err.error_map.items():
        ours = codes.fault_of(number, "HY000").error
        if kind is pymysql.err.IntegrityError:
            assert ours is ConstraintViolated, number
        if kind is pymysql.err.DataError and number not in (ER.WARN_NULL_TO_NOTNULL, ER.PRIMARY_CANT_HAVE_NULL):
            assert ours in (ParameterInvalid, ConstraintViolated, StatementInvalid), number


def _classes() -> Iterator[type[Exception]]:
    for module in (pymysql.err, aiomysql):
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, Exception):
                yield kind


@pytest.mark.parametrize("kind", dict.fromkeys(_classes()), ids=lambda kind: kind.__name__)
def test_each_class_of_the_library_is_translated(kind: type[Exception]) -> None:
    """It raises them while it logs in, and then only."""
    for error in (kind(), kind("secret 4711"), kind(1045, "secret 4711"), kind(CR.CR_SERVER_LOST, "secret 4711")):
        assert isinstance(error, faults.RAISED)
        translated = faults.translate_connect(error)
        assert type(translated) is not DatasourceError
        assert translated.outcome is Outcome.NOT_SENT
        assert "4711" not in f"{translated} {translated.hint}"
    assert isinstance(faults.translate_connect(kind(1045, "x")), CredentialsRejected)
    assert isinstance(faults.translate_connect(kind(CR.CR_SERVER_LOST, "x")), ConnectFailed)


def test_what_the_server_reported_is_rolled_back_unless_a_part_may_stay() -> None:
    error = Reported(1062, "23000", "x")
    assert faults.translate(error).outcome is Outcome.ROLLED_BACK
    assert faults.translate(error, may_commit=True).outcome is Outcome.UNKNOWN
    assert faults.translate(error, sent=False).outcome is Outcome.NOT_SENT
    assert faults.translate(error, sent=False, may_commit=True).outcome is Outcome.NOT_SENT


def test_a_lost_connection_is_unknown_once_sent() -> None:
    for error in (ConnectionResetError(), Reported(1053, "08S01", "x"), Reported(1927, "70100", "x")):
        assert isinstance(faults.translate(error), Disconnected)
        assert faults.translate(error).outcome is Outcome.UNKNOWN
        assert faults.translate(error, sent=False).outcome is Outcome.NOT_SENT


def test_time_and_network() -> None:
    assert isinstance(faults.translate(TimeoutError()), ExecutionTimeout)
    assert isinstance(faults.translate(BrokenPipeError()), Disconnected)
    assert isinstance(faults.translate(Malformed("x")), BadResponse)
    assert isinstance(faults.translate(struct.error()), BadResponse)
    assert isinstance(faults.translate(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x")), BadResponse)
    assert isinstance(faults.translate_connect(ConnectionRefusedError()), ConnectFailed)
    assert isinstance(faults.translate_connect(TimeoutError()), ConnectFailed)
    assert isinstance(faults.translate_connect(ssl.SSLCertVerificationError()), TlsFailed)
    assert isinstance(faults.translate_connect(Malformed("x")), ConnectFailed)


def test_defects_of_ours_are_not_taken_for_the_datasource() -> None:
    assert not isinstance(TypeError(), faults.RAISED)
    assert not isinstance(AttributeError(), faults.RAISED)


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("22001", ParameterInvalid),
        ("23000", ConstraintViolated),
        ("25006", StatementInvalid),
        ("28000", CredentialsRejected),
        ("40001", ResourceExhausted),
        ("42000", StatementInvalid),
        ("45000", ConstraintViolated),
        ("70100", ExecutionTimeout),
        ("08S01", Disconnected),
        ("0A000", StatementInvalid),
        ("HY000", StatementInvalid),
        ("", StatementInvalid),
        ("??", StatementInvalid),
    ],
)
def test_a_number_that_nobody_knows_is_told_by_its_state(state: str, kind: type[DatasourceError]) -> None:
    assert type(faults.translate(Reported(64_000, state, "x"))) is kind


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("Duplicate entry 'a' for key 'users_email'", "users_email"),
        ("Duplicate entry 'x' for key 'forged' for key 'real'", "real"),
        ("Duplicate entry 'for key 'forged'' for key 'users.PRIMARY'", "users.PRIMARY"),
        (
            "a foreign key constraint fails (`a`.`b`, CONSTRAINT `c` FOREIGN KEY (`d`) REFERENCES `e` (`id`))",
            "c",
        ),
        ("CONSTRAINT `positive` failed for `shop`.`items`", "positive"),
        ("CONSTRAINT `we``ird` failed for `shop`.`items`", "we`ird"),
        ("Check constraint 'positive' is violated.", "positive"),
        ("Column 'a' cannot be null", ""),
    ],
)
def test_the_constraint_is_named(words: str, name: str) -> None:
    assert faults.translate(Reported(1062, "23000", words)).constraint == name


_PROVOKED = {
    "INSERT INTO t VALUES (1, 'a', 1)": (ConstraintViolated, "PRIMARY"),
    "INSERT INTO t VALUES (2, NULL, 1)": (ConstraintViolated, ""),
    "INSERT INTO t VALUES (2, 'a', -1)": (ConstraintViolated, "positive"),
    "INSERT INTO child VALUES (9)": (ConstraintViolated, "parent"),
    "INSERT INTO t VALUES (2, 'too long', 1)": (ParameterInvalid, ""),
    "INSERT INTO t VALUES (2, 'a', 300)": (ParameterInvalid, ""),
    "INSERT INTO t VALUES (2, 'a', 'x')": (ParameterInvalid, ""),
    "INSERT INTO t VALUES (2, 'a', 1/0)": (ParameterInvalid, ""),
    "INSERT INTO t (name) VALUES ('a')": (ConstraintViolated, ""),
    "SELECT 18446744073709551615 + 1": (ParameterInvalid, ""),
    "SELECT (SELECT 1 UNION SELECT 2)": (StatementInvalid, ""),
    "CALL refuse()": (ConstraintViolated, ""),
    "SELECT * FROM missing": (StatementInvalid, ""),
    "SELECT missing FROM t": (StatementInvalid, ""),
    "SELECT FROM": (StatementInvalid, ""),
    "SELECT missing_function()": (StatementInvalid, ""),
}


async def test_what_a_real_server_reports(mariadb: MariadbServer, database: str) -> None:
    async with mariadb.session(database) as admin:
        await admin.script(
            "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(3) NOT NULL, n TINYINT,"
            " CONSTRAINT positive CHECK (n > 0)) ENGINE InnoDB;\n"
            "INSERT INTO t VALUES (1, 'a', 1);\n"
            "CREATE TABLE child (id INT, CONSTRAINT parent FOREIGN KEY (id) REFERENCES t (id)) ENGINE InnoDB;\n"
            "CREATE PROCEDURE refuse() SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no';\n"
        )
    async with wired(login_to(mariadb, database)) as wire:
        for text, (kind, constraint) in _PROVOKED.items():
            error = await _provoke(wire, text)
            translated = faults.translate(error)
            assert (type(translated), translated.constraint) == (kind, constraint), (text, error.number)
            assert "too long'" not in translated.message


async def _provoke(wire: Wire, text: str) -> Reported:
    with pytest.raises(Reported) as caught:
        await answer(wire, text)
    assert wire.alive
    return caught.value


async def test_a_statement_that_is_too_large_for_the_server(mariadb: MariadbServer, wire: Wire) -> None:
    kept = await wire.keep(statement("SELECT LENGTH(?)", None), timeout=5)
    huge = bind(("x" * (70 << 20),), kept.writers)
    with pytest.raises(faults.RAISED) as caught:
        await wire.run(kept, huge, limits=Limits(), stop=True, timeout=20)
    assert type(faults.translate(caught.value)) in (ResourceExhausted, Disconnected)
