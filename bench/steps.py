"""``python -m bench.steps``: what the proxy does for every execute call before its datasource is asked, in CPU time by step.

The very functions of the hot path, on requests that aiohttp has parsed, a thousand at a time in one process; the least of
many rounds counts, for whatever else the machine does only adds to it.

==============  ===========================================================================
step            what is timed
==============  ===========================================================================
authentication  the header, the token's hash, the token remembered and still in the store
permission      the route's, the action's and its datasource's
validation      the body's form, its JSON, types and bounds
binding         the plan's readers for two values, and the driver's texts for the server
==============  ===========================================================================
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, final

import uvloop
from aiohttp.hdrs import AUTHORIZATION

from appsmith_proxy.access.policy import Permission, holds, rights
from appsmith_proxy.model.ids import new_id
from appsmith_proxy.model.principal import Role
from appsmith_proxy.registry.registry import Registry
from appsmith_proxy.runtime import Runtime
from appsmith_proxy.sdk import Secret
from appsmith_proxy.server import web_options
from appsmith_proxy.settings import Settings
from appsmith_proxy.template import bind, compile_action
from appsmith_proxy.web.answer import Answer
from appsmith_proxy.web.bodies import read_execute_now
from appsmith_proxy.web.request import Request
from appsmith_proxy.web.serving import Serving
from appsmith_proxy.web.web_server import WebServer
from appsmith_proxy_postgres import PostgresDriver
from appsmith_proxy_postgres.bind import bind as bind_texts
from appsmith_proxy_postgres.typebook import TypeBook
from bench.load import request
from bench.statements import STATEMENTS

BAR_US: Final = 12.0
"""Microseconds of CPU for all steps together."""
CALLS: Final = 1_000
ROUNDS: Final = 30
STEPS: Final = ("authentication", "permission", "validation", "binding")
_INT4, _TEXT = 23, 25
_NEEDED: Final = {Permission.ACTION_EXECUTE, Permission.DATASOURCE_EXECUTE}


async def steps() -> dict[str, float]:
    """Return microseconds of CPU by step."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            encryption_password=Secret("a password for benchmarks 0123456789"),
            encryption_salt=Secret("a salt for benchmarks 9876543210"),
            data_folder=Path(folder),
        )
        async with await Runtime.open(settings, registry=Registry.discover()) as runtime:
            _, token = await runtime.tokens.create(role=Role.VIEWER)
            await runtime.tokens.authenticate(f"Bearer {token}")
            return await _measure(runtime, settings, token)


def show(least: Mapping[str, float]) -> list[str]:
    """Print what was measured; return what was missed."""
    for name, microseconds in least.items():
        print(f"{name:<15}{microseconds:6.2f} µs")
    total = sum(least.values())
    print(f"{'together':<15}{total:6.2f} µs of at most {BAR_US:g}")
    return [] if total <= BAR_US else [f"the steps before the datasource: {total:.2f} µs, more than {BAR_US:g}"]


async def _measure(runtime: Runtime, settings: Settings, token: str) -> dict[str, float]:
    least: dict[str, float] = {}
    options, workspace = web_options(settings), new_id()
    insert = next(load for load in STATEMENTS if load.name == "insert")
    plan = compile_action(PostgresDriver(), {"body": insert.action}, (), read_only=False, allow_ddl=False).plan
    if plan is None:
        raise SystemExit("the statement of the benchmark does not compile")
    types = [TypeBook()[oid] for oid in (_INT4, _TEXT)]
    params = insert.params(7)
    body = json.dumps({"actionId": new_id(), "viewMode": True, "params": params}, separators=(",", ":")).encode()
    raw = request("/api/v1/actions/execute", body, f"Authorization: Bearer {token}\r\n")
    principal = runtime.tokens.authenticate_cached(f"Bearer {token}")
    if principal is None:
        raise SystemExit("the token is not remembered")

    def authenticate(one: Request) -> object:
        (given,) = one.headers.getall(AUTHORIZATION, ("",))
        return runtime.tokens.authenticate_cached(given)

    def permit(one: object) -> object:
        return holds(principal, Permission.ACTION_EXECUTE) and not _NEEDED - rights(principal, workspace)

    def read(one: Request) -> object:
        return read_execute_now(one, principal, options)

    def bound(one: object) -> object:
        return bind_texts(bind(plan, params, _untrusted).values, types)

    for _ in range(ROUNDS):
        requests = await _parsed(raw, settings)
        for name, step in zip(STEPS, (authenticate, permit, read, bound), strict=True):
            least[name] = min(least.get(name, float("inf")), _cpu(step, requests))
    return least


def _cpu(step: Callable[[Request], object], requests: Sequence[Request]) -> float:
    """Return microseconds of CPU for each request."""
    began = time.process_time_ns()
    results = [step(one) for one in requests]
    spent = time.process_time_ns() - began
    if not all(results):
        raise SystemExit("a step left the fast path")
    return spent / len(requests) / 1_000


async def _parsed(raw: bytes, settings: Settings) -> list[Request]:
    """Return requests as the server hands them over."""
    kept: list[Request] = []

    async def keep(one: Request) -> Answer:
        kept.append(one)
        return Answer(200, (b"{}",), "")

    connection = WebServer(keep, options=web_options(settings), serving=Serving())()
    client = _Client()
    connection.connection_made(client)
    for _ in range(CALLS):
        client.answered = asyncio.get_running_loop().create_future()
        connection.data_received(raw)
        await client.answered
    connection.connection_lost(None)
    return kept


@final
class _Client(asyncio.Transport):
    """The client's end of a connection that is none."""

    answered: "asyncio.Future[None]"

    def write(self, data: object) -> None:
        """Take an answer."""
        self.answered.set_result(None)

    def is_closing(self) -> bool:
        """Never."""
        return False

    def close(self) -> None:
        """Nothing is open."""

    def abort(self) -> None:
        """Nothing is open."""

    def get_write_buffer_size(self) -> int:
        """Nothing waits."""
        return 0


def _untrusted(name: str) -> None:
    raise SystemExit(f"the statement has no trusted names, yet {name} was asked for")


if __name__ == "__main__":
    sys.exit(len(show(uvloop.run(steps()))))
