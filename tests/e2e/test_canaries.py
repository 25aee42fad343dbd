"""Nothing leaves: canaries in every secret, statement, URL, parameter and row, and a search of everything that came out.

A serving process with all its files is exercised as anonymous, viewer and developer, on every route, in success and in
failure. What it may show is said below, group by group; everything else must be empty.
"""

import asyncio
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from appsmith_proxy.audit.contract import Intent, OutcomeRecord
from appsmith_proxy.web.route import Route
from appsmith_proxy.web.routes import ROUTES
from tests.servers.canaries import Canaries, forms
from tests.servers.command import Installation, Served
from tests.servers.http import HttpUpstream
from tests.servers.place import Place
from tests.servers.postgres import PostgresServer
from tests.servers.proxy import Caller, Proxy, Reply

EVERYTHING: Final = ("secret", "statement", "parameter", "row")

VISIBLE: Final = "canary-that-the-store-holds-in-the-open"

PEOPLE: Final = """
CREATE TABLE people (id integer PRIMARY KEY, note text UNIQUE, age integer CHECK (age > 0));
INSERT INTO people VALUES (1, '{first}', 1), (2, '{second}', 2);
"""

VIEWERS: Final = ("viewer", "anonymous", "stranger")


@dataclass
class Heard:
    """One answer, to whom it went, and whether it is the answer of an execution (where rows belong)."""

    who: str
    what: str
    reply: Reply
    echo: bool = False

    @property
    def content(self) -> bytes:
        """Everything of it that can be read."""
        return self.reply.raw + repr(dict(self.reply.headers)).encode()

    @property
    def is_result(self) -> bool:
        """Whether it is a successful execution."""
        data = self.reply.data
        return self.what.startswith("execute") and isinstance(data, dict) and data.get("isExecutionSuccess") is True


@dataclass
class Scene:
    """Everything there is to call, and everything that was answered."""

    canaries: Canaries
    callers: dict[str, Caller]
    place: Place
    datasources: dict[str, str] = field(default_factory=dict)
    actions: dict[str, str] = field(default_factory=dict)
    heard: list[Heard] = field(default_factory=list)

    async def call(self, who: str, method: str, path: str, body: Any = None, **options: Any) -> Reply:
        """Call as somebody and keep what is answered."""
        reply = await self.callers[who].call(method, path, body, **options)
        self.heard.append(Heard(who, f"{method} {path}", reply))
        return reply

    async def execute(self, who: str, name: str, params: dict[str, Any]) -> None:
        """Execute in both wire forms, and the draft too for those who ask."""
        caller, action = self.callers[who], self.actions[name]
        texts = {key: (str(value), "string") for key, value in params.items()}
        for reply in (
            await caller.execute(action, params),
            await caller.execute(action, params, viewMode=False),
            await caller.execute_form(action, texts),
        ):
            self.heard.append(Heard(who, f"execute {name}", reply, echo=name.startswith("echo")))


@pytest.fixture
async def scene(tmp_path: Path, postgres: PostgresServer) -> AsyncIterator[tuple[Scene, Installation, Served, Path]]:
    """A serving process in a folder of its own, furnished with canaries."""
    here = Installation(tmp_path / "here")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    await here.make_keys()
    await here.make_ring()
    canaries = Canaries()
    for name in ("encryption_password", "encryption_salt"):
        canaries.plant("secret", name, (here.keys / name).read_text().strip())
    root_token = canaries.plant("secret", "root token", await here.ok("tokens", "create", "--role", "administrator"))
    told = {"TMPDIR": str(temporary), "APPSMITH_PROXY_LOG_REQUESTS": "true"}
    async with HttpUpstream() as upstream, here.serving(told) as served:
        place = await Place.made(served.caller(root_token))
        tokens = {
            role: canaries.plant(
                "secret",
                f"{role} token",
                await here.ok("tokens", "create", "--role", role, "--workspace", place.workspace_id),
            )
            for role in ("viewer", "developer")
        }
        callers = {who: served.caller(tokens[who]) for who in tokens}
        callers["anonymous"] = served.caller(None)
        callers["stranger"] = served.caller(canaries.plant("secret", "no token", f"asp_{'x' * 43}"))
        developers = Place(callers["developer"], place.workspace_id, place.application_id)
        scene = Scene(canaries, callers, developers)
        await furnish(scene, here, postgres, upstream)
        yield scene, here, served, temporary


async def furnish(scene: Scene, here: Installation, postgres: PostgresServer, upstream: HttpUpstream) -> None:
    """Make three datasources and what can go well and wrong on each."""
    plant = scene.canaries.plant
    rows = {name: plant("row", f"{name} row") for name in ("first", "second")}
    role = f"canary_{plant('statement', 'role')[-8:]}"
    password = plant("secret", "postgres password", await postgres.create_role(role))
    database = await postgres.fresh_database()
    async with postgres.session(database) as session:
        await session.execute(PEOPLE.format(**rows) + f'GRANT ALL ON people TO "{role}"')
    reached = postgres.configuration(database, username=role, password=password)
    wrong = {**reached, "password": plant("secret", "wrong password")}
    untrusted = postgres.configuration(database, tls=True, tlsCa=None, password=plant("secret", "tls password"))

    with sqlite3.connect(here.data / "people.db") as file:
        file.executescript(PEOPLE.format(**rows))
    file.close()

    api = {
        "url": f"{upstream.url}/v1",
        "query": {"tenant": plant("statement", "tenant", VISIBLE)},
        "secretHeaders": {"X-Key": plant("secret", "header")},
        "secretQuery": {"key": plant("secret", "query")},
        "secretBody": {"pin": plant("secret", "body")},
        "authentication": "bearer",
        "bearerToken": plant("secret", "bearer"),
    }
    echo = {**api, "query": {}}
    made = {
        "pg": ("postgres", reached),
        "pg wrong": ("postgres", wrong),
        "pg untrusted": ("postgres", untrusted),
        "lite": ("sqlite", {"file": "people.db"}),
        "api": ("rest", api),
        "echo": ("rest", echo),
        "api down": ("rest", {**api, "url": "http://127.0.0.1:1"}),
    }
    for name, (kind, configuration) in made.items():
        scene.datasources[name] = await scene.place.datasource(kind, configuration, name=name)

    for on, name, configuration in statements(scene):
        made_action = await scene.place.action(scene.datasources[on], configuration, name=name, timeoutMs=2_000)
        scene.actions[name] = made_action
    await scene.place.publish()


def statements(scene: Scene) -> Iterable[tuple[str, str, dict[str, Any]]]:
    """Yield datasource, name and configuration of each action; every statement has a canary of its own."""

    def sql(on: str, name: str, text: str) -> tuple[str, str, dict[str, Any]]:
        return on, name, {"body": f"{text} /* {scene.canaries.plant('statement', name)} */"}

    def http(on: str, name: str, path: str, **parts: Any) -> tuple[str, str, dict[str, Any]]:
        statement = scene.canaries.plant("statement", name)
        return on, name, {"path": path, "headers": [{"name": "X-Statement", "value": statement}], **parts}

    plant = scene.canaries.plant
    bound = [{"name": "p", "value": "{{ p }}"}]
    typed = [{"name": "type", "value": "application/json"}, {"name": "text", "value": "[{{ n }}, {{ p }}]"}]
    for on in ("pg", "lite"):
        yield sql(on, f"{on} read", "SELECT id, note FROM people WHERE note <> {{ p }} ORDER BY id")
        yield sql(on, f"{on} insert", "INSERT INTO people VALUES ({{ id }}, {{ p }}, 1)")
        yield sql(on, f"{on} check", "UPDATE people SET age = -1 WHERE note <> {{ p }}")
    yield sql("pg", "pg cast", "SELECT CAST(lower({{ p }}) AS integer)")
    yield sql("pg", "pg typed", "SELECT id FROM people WHERE id = {{ p }}")
    yield sql("pg", "pg slow", "SELECT pg_sleep(30), lower({{ p }})")
    yield sql("pg wrong", "pg wrong read", "SELECT lower({{ p }})")
    yield sql("pg untrusted", "pg untrusted read", "SELECT lower({{ p }})")
    yield sql("lite", "lite json", "SELECT json({{ p }})")
    yield http("api", "api read", f"/type/{plant('statement', 'path')}", query=typed)
    yield http("api", "api 500", "/status/500", query=bound)
    yield http("api", "api broken", f"/broken/{plant('statement', 'broken path')}", query=bound)
    yield http("api", "api drop", f"/drop/{plant('statement', 'drop path')}", query=bound)
    yield http("api", "api slow", "/slow/30", query=bound)
    yield http("api down", "api down", "/echo/{{ p }}")
    for form in ("text", "json", "base64", "url", "hex"):
        body = {"method": "POST", "bodyType": "json", "body": '{"p": {{ p }}}'}
        yield "echo", f"echo {form}", {"path": f"/reflect/{form}", **body}


def bodies(scene: Scene, route: Route) -> Iterable[Any]:
    """Yield bodies for a route that must fail in different ways, canaries in all of them."""
    secret, parameter = scene.canaries.plant("secret", "sent"), scene.canaries.plant("parameter", "sent")
    yield {"canary": secret}
    yield {"workspaceId": secret, "name": 7, "configuration": {"password": secret}, "revision": parameter}
    configuration = {"host": "127.0.0.1", "port": "x", "password": secret, "passwort": secret, "file": 1, "url": 7}
    for kind in ("postgres", "sqlite", "rest", "none"):
        yield {
            "workspaceId": scene.place.workspace_id,
            "name": "new",
            "kind": kind,
            "configuration": configuration,
            "secretHeaders": {"X": secret},
        }
        yield {
            "workspaceId": scene.place.workspace_id,
            "name": "new",
            "kind": kind,
            "configuration": configuration,
        }
    yield {"revision": 1, "configuration": {"password": secret, "tlsCa": 7}, "name": "new"}
    yield {"revision": 999, "configuration": {"password": secret}}
    yield {"actionId": scene.actions["pg read"], "params": {"p": {"deep": parameter}}, "viewMode": True}
    yield {"actionId": "0" * 24, "params": {"p": parameter}}


async def call_every_route(scene: Scene, who: str) -> None:
    """Call each route on each thing there is and is not, with bodies that are right and wrong."""
    ids = {
        "workspaces": [scene.place.workspace_id],
        "applications": [scene.place.application_id],
        "datasources": list(scene.datasources.values()),
        "actions": list(scene.actions.values())[:4],
    }
    for route in ROUTES:
        first = route.path.split("/")[1]
        paths = [route.path]
        if "{id}" in route.path:
            found = ids[first] if route.method == "GET" else ids[first][:2]
            paths = [route.path.replace("{id}", each) for each in (*found, "f" * 24)]
        if "view" in route.path:
            paths = [f"{route.path}?applicationId={each}" for each in (scene.place.application_id, "f" * 24)]
        for path in paths:
            if route.method == "GET" or route.method == "DELETE" or route.body is None:
                await scene.call(who, route.method, path)
                continue
            for body in bodies(scene, route):
                await scene.call(who, route.method, path, body)
            secret = scene.canaries.plant("secret", "malformed")
            for raw in (
                f'{{"password": "{secret}"',
                f'["{secret}"]',
                f'{{"a": 1, "a": "{secret}"}}',
                f'"{secret}\\ud800"',
            ):
                await scene.call(
                    who, route.method, path, data=raw, headers={"Content-Type": "application/json", "X-Secret": secret}
                )


async def execute_everything(scene: Scene, who: str) -> None:
    """Execute every action, in every form, with canaries as values."""
    for number, name in enumerate(scene.actions):
        value = scene.canaries.plant("parameter", f"{who} {name}")
        shown = f'"{value}"' if name == "api read" else value
        await scene.execute(who, name, {"p": shown, "id": 100 + number, "n": 1})
    await scene.execute(who, "pg insert", {"p": value, "id": 500})
    await scene.execute(who, "pg read", {})
    await scene.execute(who, "pg read", {"p": [value], "id": value})


async def edit(scene: Scene) -> None:
    """Read, change, test, describe, publish and delete, as the developer does on a good day."""
    for datasource in scene.datasources.values():
        got = await scene.call("developer", "GET", f"/datasources/{datasource}")
        for change in ({"name": got.data["name"]}, {"configuration": {"password": None}}):
            await scene.call(
                "developer", "PATCH", f"/datasources/{datasource}", {"revision": got.data["revision"], **change}
            )
        await scene.call("developer", "POST", f"/datasources/{datasource}/test")
        await scene.call("developer", "GET", f"/datasources/{datasource}/structure")
    for kind, secret in (("postgres", "password"), ("rest", "bearerToken")):
        body = {
            "workspaceId": scene.place.workspace_id,
            "name": "tried",
            "kind": kind,
            "configuration": {
                **({"host": "127.0.0.1", "port": 1, "database": "d", "username": "u"} if kind == "postgres" else {}),
                **({"url": "http://127.0.0.1:1", "authentication": "bearer"} if kind == "rest" else {}),
                secret: scene.canaries.plant("secret", f"tried {kind}"),
            },
        }
        await scene.call("developer", "POST", "/datasources/test", body)
        made = await scene.call("developer", "POST", "/datasources", body)
        await scene.call("developer", "DELETE", f"/datasources/{made.data['id']}")


def check_answers(scene: Scene) -> None:
    """What each may hear, and nothing else."""
    for heard in scene.heard:
        shown = f"{heard.who}: {heard.what} → {heard.reply.status}"
        assert scene.canaries.found(heard.content, "secret") == [], shown
        if heard.who in VIEWERS:
            if not heard.is_result:
                assert scene.canaries.found(heard.content, *EVERYTHING) == [], shown
            elif not heard.echo:
                assert scene.canaries.found(heard.content, "statement") == [], shown
                meta = {**heard.reply.data, "body": None}
                assert scene.canaries.found(json.dumps(meta).encode(), *EVERYTHING) == [], shown


async def test_nothing_leaves(scene: tuple[Scene, Installation, Served, Path]) -> None:
    stage, here, served, temporary = scene
    await asyncio.gather(*(execute_everything(stage, who) for who in ("viewer", "developer")))
    await execute_everything(stage, "anonymous")
    for who in ("anonymous", "stranger", "viewer", "developer"):
        await call_every_route(stage, who)
    await edit(stage)

    # The scene is worth something only if things went well and wrong in it.
    statuses = {heard.reply.status for heard in stage.heard}
    assert {200, 201, 400, 401, 403, 404, 409} <= statuses, statuses
    codes = {
        heard.reply.data["statusCode"]
        for heard in stage.heard
        if heard.what.startswith("execute") and heard.reply.status == 200
    }
    assert {
        "BadResponse",
        "ConnectFailed",
        "ConstraintViolated",
        "CredentialsRejected",
        "Disconnected",
        "ExecutionTimeout",
        "ParameterInvalid",
        "TlsFailed",
    } <= codes, codes
    results = b"".join(heard.content for heard in stage.heard if heard.is_result and heard.who == "viewer")
    assert len(stage.canaries.found(results, "row")) == 2, "a viewer gets the rows of what it executes"
    assert [name for name in stage.canaries.found(results, "parameter") if "viewer api read" in name]

    check_answers(stage)

    assert await served.stop() == 0
    log = served.log.encode()
    assert b"listening on" in log
    assert log.count(b"\n") > len(stage.heard), "every request has its line"
    assert stage.canaries.found(log, *EVERYTHING) == []

    files = {path: path.read_bytes() for path in here.own.rglob("*") if path.is_file()}
    assert here.store in files
    for path, content in files.items():
        assert stage.canaries.found(content, "secret", "parameter", "row") == [], path
    assert VISIBLE.encode() in files[here.store], "what is stored in the open is found by this search"
    assert list(temporary.rglob("*")) == [], "not even a file that was used for a moment"


async def test_the_audit_trail_holds_no_values(proxy: Proxy, shop: str) -> None:
    canaries = Canaries()
    action = await proxy.action(
        shop, f"SELECT customer, {{{{ p }}}} AS p FROM orders /* {canaries.plant('statement', 'sql')} */"
    )
    wrong = await proxy.action(shop, f"SELECT fail({{{{ p }}}}) /* {canaries.plant('statement', 'wrong')} */")
    canaries.plant("secret", "password", "the memory password")
    canaries.plant("row", "customer", "alice@shop.example")
    value = canaries.plant("parameter", "p")
    for executed in (action, wrong):
        for caller in (proxy.viewer, proxy.developer):
            await caller.execute(executed, {"p": value})
    records = proxy.ring.records()
    assert {type(record) for record in records} == {Intent, OutcomeRecord}
    assert canaries.found(repr(records).encode(), *EVERYTHING) == []


@pytest.mark.parametrize("form", [name for name, _ in forms("x" * 20)])
def test_the_search_finds_a_planted_canary(form: str) -> None:
    canaries = Canaries()
    canaries.plant("row", "other")
    text = canaries.plant("secret", "planted", "Canary/with+odd=letters&<>é")
    shape = dict(forms(text))[form]
    for content in (b"before " + shape + b" after", shape.upper(), shape):
        assert [name for name in canaries.found(content, "secret", "row") if name == f"secret planted as {form}"]
    assert canaries.found(b"before " + shape[:-3] + b" after", "secret") == [] or re.search("base64|utf", form)
