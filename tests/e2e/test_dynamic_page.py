"""The page "Write dynamic queries" is true: each example runs, and the databases' logs hold the statements it shows.

The page's blocks say what they are: ``sql action`` or ``json steps``, ``json parameters``, then ``text calls``
(``text dry-run``), in which each call is ``params``, the statements by database, and ``answer`` or ``refused``.
"""

import json
import re
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

from tests.servers.mariadb import MariadbServer
from tests.servers.postgres import PostgresServer
from tests.servers.proxy import Caller, Proxy, Reply

PAGE: Final = Path(__file__).parents[2] / "docs/how-to/write-dynamic-queries.md"
DATABASES: Final = ("PostgreSQL", "MySQL", "SQLite")
ALIKE: Final = ["…"]
"""The example runs there too, with statements that the page does not show."""
_PART: Final = re.compile(r"^## ([^\n]+)$|^```(\w+) ?([\w-]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINE: Final = re.compile(r"^(params|answer|refused|PostgreSQL|MySQL|SQLite) +(.+)$")
_DRIVERS_OWN: Final = re.compile(
    r"(?:BEGIN|START TRANSACTION|COMMIT|ROLLBACK|SET|RESET|DISCARD)\b|.*(?:\bpg_catalog\.|\binformation_schema\.|DATABASE\(\))"
)
"""The drivers' own statements open and close transactions and look into catalogs; no example's does."""


@dataclass(slots=True, kw_only=True)
class Call:
    """One call of an example, and what the page says of it."""

    params: Mapping[str, Any]
    sent: dict[str, list[str]] = field(default_factory=dict)
    answer: Any = None
    refused: str | None = None


@dataclass(slots=True, kw_only=True)
class Example:
    """An action of the page with its calls."""

    title: str
    configuration: Mapping[str, Any]
    parameters: Sequence[Mapping[str, Any]] = ()
    calls: list[Call] = field(default_factory=list)
    mode: str = "run"

    @property
    def databases(self) -> Iterator[str]:
        """Those that the page shows it for."""
        return (database for database in DATABASES if any(database in call.sent for call in self.calls))


def _calls(text: str) -> Iterator[Call]:
    call: Call | None = None
    for line in filter(None, text.splitlines()):
        found = _LINE.match(line)
        assert found, line
        word, rest = found.groups()
        if word == "params":
            if call is not None:
                yield call
            call = Call(params=json.loads(rest))
            continue
        assert call is not None, line
        if word == "answer":
            call.answer = json.loads(rest)
        elif word == "refused":
            call.refused = rest
        else:
            call.sent.setdefault(word, []).append(rest)
    assert call is not None
    yield call


def _examples() -> Iterator[Example]:
    title, example = "", None
    for heading, _, what, text in _PART.findall(PAGE.read_text(encoding="utf-8")):
        title = heading or title
        if what in ("action", "steps"):
            configuration = {"body": text} if what == "action" else {"steps": json.loads(text)}
            example = Example(title=title, configuration=configuration)
        elif what == "parameters":
            assert example is not None
            example.parameters = json.loads(text)
        elif what in ("calls", "dry-run"):
            assert example is not None
            example.mode = "dryRun" if what == "dry-run" else "run"
            example.calls = list(_calls(text))
            yield example


def _tables() -> str:
    found: list[str] = [
        text for _, _, what, text in _PART.findall(PAGE.read_text(encoding="utf-8")) if what == "tables"
    ]
    return found[0]


def _refused() -> Iterator[tuple[str, str]]:
    """Yield the statements that the page says are refused when they are saved, and why."""
    for _, _, what, text in _PART.findall(PAGE.read_text(encoding="utf-8")):
        if what == "refused":
            statement, _, why = text.strip().rpartition("\nrefused ")
            yield statement, why.strip()


EXAMPLES: Final = list(_examples())


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A datasource on a database of its own with the page's tables, and what its server was sent since it was made."""

    database: str
    """As the page names it."""
    datasource: str
    sent: Callable[[], list[str]] | None
    """None where the server keeps no log."""
    once: bool
    """The log shows a statement when it is prepared, not when it is run again."""


@asynccontextmanager
async def _postgres(proxy: Proxy, server: PostgresServer) -> AsyncIterator[Shop]:
    database = await server.fresh_database()
    async with server.session(database) as session:
        await session.execute(_tables())
    await server.log_statements(database)
    datasource = await proxy.datasource("postgres", server.configuration(database, password=server.password))
    yield Shop(
        database="PostgreSQL",
        datasource=datasource,
        sent=lambda: [entry.text for entry in server.logged(database)],
        once=False,
    )


@asynccontextmanager
async def _mysql(proxy: Proxy, server: MariadbServer) -> AsyncIterator[Shop]:
    database = await server.fresh_database()
    async with server.session(database) as session:
        await session.script(_tables())
    datasource = await proxy.datasource("mysql", server.configuration(database, password=server.password))
    await server.log_statements()
    yield Shop(
        database="MySQL",
        datasource=datasource,
        sent=lambda: [entry.text for entry in server.logged() if entry.command == "Prepare"],
        once=True,
    )


@asynccontextmanager
async def _sqlite(proxy: Proxy, folder: Path) -> AsyncIterator[Shop]:
    database = sqlite3.connect(folder / "shop.db")
    database.executescript(_tables().replace("SERIAL PRIMARY KEY", "INTEGER PRIMARY KEY"))
    database.close()
    yield Shop(
        database="SQLite", datasource=await proxy.datasource("sqlite", {"file": "shop.db"}), sent=None, once=False
    )


@pytest.fixture
async def shop(
    request: pytest.FixtureRequest,
    proxy: Proxy,
    postgres: PostgresServer,
    mariadb: MariadbServer,
    paths: SimpleNamespace,
) -> AsyncIterator[Shop]:
    """The database that the test asks for by its name."""
    opened = {
        "PostgreSQL": lambda: _postgres(proxy, postgres),
        "MySQL": lambda: _mysql(proxy, mariadb),
        "SQLite": lambda: _sqlite(proxy, paths.data),
    }
    async with opened[request.param]() as found:
        yield found


def _shortened(text: str) -> str:
    return " ".join(text.split())


class Player:
    """Runs an example's calls one by one and tells what was seen of each."""

    def __init__(self, proxy: Proxy, shop: Shop, example: Example) -> None:
        self._proxy = proxy
        self._shop = shop
        self._example = example
        self._seen = 0
        self._action = ""

    async def open(self) -> None:
        """Save and publish the action. The check of its statements is not what a call sends."""
        example = self._example
        self._action = await self._proxy.action(
            self._shop.datasource, example.configuration, parameters=example.parameters
        )
        self._new()

    async def play(self, call: Call) -> tuple[Reply, list[str]]:
        """Execute one call, as a viewer where a viewer may; return the answer and the statements that were sent."""
        editor = self._shop.sent is None or self._example.mode == "dryRun"
        reply = await self._execute(self._proxy.developer if editor else self._proxy.viewer, call)
        if self._shop.sent is not None:
            return reply, self._new()
        request = reply.data["request"]
        return reply, [_shortened(request["query"])] if request else []

    async def why(self, call: Call) -> str:
        """Return what an editor is told about a call that fails."""
        data = (await self._execute(self._proxy.developer, call)).data
        self._new()
        return f"{data['statusCode']}: {(*data['messages'], data['readableError'])[0]}"

    async def _execute(self, caller: Caller, call: Call) -> Reply:
        return await caller.execute(self._action, call.params, mode=self._example.mode)

    def _new(self) -> list[str]:
        """Return what the log holds since the last look, without the driver's own statements."""
        if self._shop.sent is None:
            return []
        sent = self._shop.sent()
        found, self._seen = sent[self._seen :], len(sent)
        return [text for text in map(_shortened, found) if not _DRIVERS_OWN.match(text)]


@pytest.mark.parametrize(
    ("example", "shop"),
    [pytest.param(example, database) for example in EXAMPLES for database in example.databases],
    indirect=["shop"],
    ids=lambda value: value.title if isinstance(value, Example) else str(value),
)
async def test_an_example_does_what_the_page_says(proxy: Proxy, shop: Shop, example: Example) -> None:
    player = Player(proxy, shop, example)
    await player.open()
    told: set[str] = set()
    seen: set[str] = set()
    for call in example.calls:
        reply, sent = await player.play(call)
        if call.refused is None:
            assert reply.data["body"] == call.answer, reply.data
        else:
            code, _, why = call.refused.partition(": ")
            assert reply.data["statusCode"] == code
            assert not why or await player.why(call) == call.refused
        shown = call.sent.get(shop.database)
        if call.refused and not call.sent:
            assert sent == []
        if shown is None or shown == ALIKE:
            continue
        assert (set(sent) <= set(shown)) if shop.once else (sent == shown)
        told.update(shown)
        seen.update(sent)
    assert seen == told


@pytest.mark.parametrize(("statement", "why"), list(_refused()))
@pytest.mark.parametrize("shop", DATABASES, indirect=True)
async def test_what_the_page_says_is_refused_is_refused(proxy: Proxy, shop: Shop, statement: str, why: str) -> None:
    body = {
        "applicationId": proxy.application_id,
        "datasourceId": shop.datasource,
        "name": "refused",
        "configuration": {"body": statement},
    }
    reply = await proxy.developer.call("POST", "/actions", body)
    assert reply.status == 400
    assert [problem["message"] for problem in reply.error["details"]] == [why]


def test_the_page_has_its_examples() -> None:
    """Should the page's blocks be named otherwise, the tests above would run nothing."""
    assert len(EXAMPLES) >= 10
    assert len(list(_refused())) >= 2
    assert {database for example in EXAMPLES for database in example.databases} == set(DATABASES)
    assert all(call.answer is not None or call.refused for example in EXAMPLES for call in example.calls)
