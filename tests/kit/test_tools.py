"""The kit's own tools: the network, the corpus, the checks of cells and secrets, the report, the reference."""

import asyncio
import ssl
import threading
from pathlib import Path

import pytest
import trustme

from appsmith_proxy.sdk import Column, ColumnType, ConnectFailed, EncodedRows, Result, TlsFailed, TlsMode, TlsOptions
from appsmith_proxy.testing import LoopbackNetwork
from appsmith_proxy.testing.cells import broken_rules, fits, same
from appsmith_proxy.testing.reference import driver_contract_page
from appsmith_proxy.testing.report import corpus_reports, pytest_terminal_summary, reports
from appsmith_proxy.testing.resources import Held, eventually, left_behind
from appsmith_proxy.testing.secrecy import spellings
from appsmith_proxy.testing.suite import ABSENT_KEY, INJECTION_KEY, REPORT_KEY

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("host", ["192.0.2.1", "example.com", "0.0.0.0", "::", "127.0.0.1.example.com", ""])
async def test_network_reaches_this_machine_only(host: str) -> None:
    network = LoopbackNetwork()
    with pytest.raises(ConnectFailed):
        await network.resolve(host, 80)
    assert network.asked == [(host, 80)]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.0.2", "::1", "[::1]"])
async def test_network_knows_loopback(host: str) -> None:
    assert (await LoopbackNetwork().resolve(host, 80)).host == host


async def test_network_denies_everything_on_request() -> None:
    network = LoopbackNetwork(denied=True)
    with pytest.raises(ConnectFailed):
        await network.connect("127.0.0.1", 1)
    with pytest.raises(ConnectFailed):
        await network.relay("127.0.0.1", 1)
    assert len(network.asked) == 2


async def test_network_says_that_nobody_answers() -> None:
    with pytest.raises(ConnectFailed):
        await LoopbackNetwork().connect("127.0.0.1", 1)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.mark.parametrize(
    ("mode", "name", "trusted", "works"),
    [
        (TlsMode.VERIFY_FULL, "localhost", True, True),
        (TlsMode.VERIFY_FULL, "other.example", True, False),
        (TlsMode.VERIFY_FULL, "localhost", False, False),
        (TlsMode.VERIFY_CA, "other.example", True, True),
        (TlsMode.VERIFY_CA, "localhost", False, False),
        (TlsMode.REQUIRE, "other.example", False, True),
    ],
)
async def test_network_verifies_what_the_mode_says(
    authority: trustme.CA, mode: TlsMode, name: str, trusted: bool, works: bool
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    trust = authority if trusted else trustme.CA()
    options = TlsOptions(mode=mode, ca=trust.cert_pem.bytes().decode())

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    try:
        if not works:
            with pytest.raises(TlsFailed):
                await LoopbackNetwork().connect("localhost", port, tls=options)
            return
        reader, writer = await LoopbackNetwork().connect("localhost", port, tls=options)
        assert await reader.readexactly(5) == b"hello"
        writer.transport.abort()
    finally:
        server.close()


def test_network_refuses_certificates_that_are_none() -> None:
    network = LoopbackNetwork()
    target = asyncio.run(network.resolve("localhost", 1))
    for options in (TlsOptions(ca="no certificate"), TlsOptions(certificate="none", key="none")):
        with pytest.raises(TlsFailed):
            network.tls(target, options)
    assert network.tls(target, TlsOptions(mode=TlsMode.DISABLE)) is None


@pytest.mark.parametrize(
    ("column", "cell", "fitting"),
    [
        (ColumnType.INTEGER, 1, True),
        (ColumnType.INTEGER, True, False),
        (ColumnType.INTEGER, 1.0, False),
        (ColumnType.BOOLEAN, 1, False),
        (ColumnType.DECIMAL, "1.50", True),
        (ColumnType.DECIMAL, 1.5, False),
        (ColumnType.TIMESTAMP, "2020-01-01T00:00:00", True),
        (ColumnType.JSON, '{"a": 1}', True),
        (ColumnType.JSON, {"a": 1}, False),
        (ColumnType.JSON, "not json", False),
        (ColumnType.BYTES, b"", True),
        (ColumnType.BYTES, "", False),
        (ColumnType.ANY, [], False),
        (ColumnType.INTEGER, None, True),
    ],
)
def test_cells_are_of_exactly_their_columns_type(column: ColumnType, cell: object, fitting: bool) -> None:
    assert fits(column, cell) is fitting


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [(1, True, False), (1, 1.0, False), (0.0, -0.0, False), (float("nan"), float("nan"), True), ("a", "a", True)],
)
def test_cells_are_compared_by_type_too(one: object, other: object, equal: bool) -> None:
    assert same(one, other) is equal


def test_results_that_break_rules_are_told() -> None:
    column = Column("a", ColumnType.INTEGER, "int")
    assert broken_rules(Result(columns=(column,), rows=[[1]])) == []
    assert broken_rules(Result(affected=1)) == []
    for broken in (
        Result(),
        Result(columns=(column, column), rows=[[1, 2]]),
        Result(columns=(column,), rows=[[1, 2]]),
        Result(columns=(column,), rows=[["1"]]),
        Result(rows=[]),
        Result(columns=(column,), rows=EncodedRows(['{"b": 1}'])),
    ):
        assert broken_rules(broken)


@pytest.mark.parametrize(
    "shown",
    [
        "p@ss wörd+1",
        "p%40ss%20w%C3%B6rd%2B1",
        "p%40ss+w%C3%B6rd%2B1",
        "cEBzcyB3w7ZyZCsx",
        "eDpwQHNzIHfDtnJkKzE=",
        "704073732077c3b672642b31",
        '"p@ss w\\u00f6rd+1"',
    ],
)
def test_secrets_are_recognised_in_their_usual_forms(shown: str) -> None:
    assert any(spelling in shown for spelling in spellings("p@ss wörd+1"))


async def test_what_is_left_behind_is_named() -> None:
    before = Held.now()
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="kit-thread")
    thread.start()
    task = asyncio.create_task(asyncio.sleep(60), name="kit-task")
    with open("/dev/null") as file:
        left = " ".join(await left_behind(before, within=0))
        assert "kit-thread" in left
        assert "kit-task" in left
        assert f"descriptor {file.fileno()} /dev/null" in left
    stop.set()
    thread.join()
    task.cancel()
    assert not await left_behind(before)


async def test_waiting_ends() -> None:
    assert not await eventually(lambda: False, within=0.02)
    assert await eventually(lambda: True, within=0)


def _finished(outcome: str, *properties: tuple[str, object]) -> pytest.TestReport:
    return pytest.TestReport(
        nodeid="x",
        location=("x", 0, "x"),
        keywords={},
        outcome=outcome,  # type: ignore[arg-type]  # reason: a literal in the stub
        longrepr=None,
        when="call",
        user_properties=list(properties),
    )


def test_report_counts_by_suite_and_capability() -> None:
    found = reports(
        [
            _finished("passed", (REPORT_KEY, ["acme", "limits", ["cancel"]])),
            _finished("failed", (REPORT_KEY, ["acme", "limits", []])),
            _finished("passed", (ABSENT_KEY, ["acme", "endpoint", "it is a file"]), ("other", 1)),
        ]
    )
    assert list(found["acme"].lines()) == [
        "acme: limits 1/2",
        "  capabilities: cancel 1/1",
        "  absent: endpoint (it is a file)",
    ]


def test_report_tells_what_the_corpus_has_shown() -> None:
    found = corpus_reports(
        [
            _finished("passed", (INJECTION_KEY, ["acme", "operand", 9, 1, 0])),
            _finished("failed", (INJECTION_KEY, ["acme", "quoted", 8, 2, 3]), ("other", 1)),
        ]
    )
    assert list(found["acme"].lines()) == [
        "acme: 20 values in 2 contexts, 3 violations",
        "  taken/refused: operand 9/1, quoted 8/2 (3 VIOLATIONS)",
    ]


def test_report_is_a_hook_of_pytest() -> None:
    assert pytest_terminal_summary.__name__ == "pytest_terminal_summary"


def test_reference_page_is_made_from_the_contract() -> None:
    assert (ROOT / "docs/reference/driver-contract.md").read_text() == driver_contract_page(), "python -m docs.build"
