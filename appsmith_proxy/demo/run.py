"""Running the demo: make its folder once, fill the store, serve on loopback, and show how to call it."""

import fcntl
import json
import secrets
import shutil
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from aiohttp import web

from appsmith_proxy.demo import databases
from appsmith_proxy.demo.databases import Started
from appsmith_proxy.demo.sample_api import KEY_HEADER, sample_api
from appsmith_proxy.demo.samples import SAMPLES, SHOP, WAREHOUSE, Sample
from appsmith_proxy.demo.shop import make_shop
from appsmith_proxy.demo.show import Call, call_all, print_table
from appsmith_proxy.errors import ConfigurationError
from appsmith_proxy.model.principal import Principal, Role, User
from appsmith_proxy.registry.registry import Registry
from appsmith_proxy.runtime import DEMO_KEY_PREFIX, Runtime
from appsmith_proxy.sdk import Secret
from appsmith_proxy.server import Server
from appsmith_proxy.settings import Settings
from appsmith_proxy.store.contract import DEMO_MARK

HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8080
DEFAULT_FOLDER: Final = Path(".demo")
TOKEN_DAYS: Final = 1
OWNER: Final = "owner@shop.example"
MARK: Final = "demo-made-this-folder"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What ``appsmith-proxy demo`` can be told."""

    folder: Path | None = None
    """By default ``.demo`` here; with ``once`` a temporary folder, so that a demo that serves is left alone."""
    port: int | None = None
    """By default 8080; with ``once`` a free one."""
    once: bool = False
    """Execute every sample over HTTP in both wire forms, print the answers, and end."""
    databases: tuple[str, ...] = ()
    """Added beside the shop in SQLite and the warehouse's API: names of ``databases.DATABASES``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What the demo stored: enough to call it."""

    application_id: str
    samples: tuple[Sample, ...]
    actions: dict[str, str]
    """Name to id."""
    tokens: dict[Role, str]


async def run_demo(options: DemoOptions) -> int:
    """Run the demo until it is interrupted, or once. Return 0 when every sample that was asked for succeeded."""
    async with AsyncExitStack() as stack:
        folder = _prepare(stack, options)
        registry = Registry.discover()
        started = await databases.start(stack, options.databases, registry)
        api_key = secrets.token_urlsafe(24)
        api_port = await _serve_sample_api(stack, api_key)
        settings = _settings(folder, _port(options))
        runtime = await stack.enter_async_context(await Runtime.open(settings, registry=registry, demo=True))
        made = await _fill(runtime, started, api_port=api_port, api_key=api_key)
        server = await stack.enter_async_context(Server(runtime))
        base = f"http://{server.host}:{server.port}/api/v1"
        if options.once:
            calls = [Call(sample=sample, action_id=made.actions[sample.name]) for sample in made.samples]
            failed = print_table(await call_all(base, made.tokens[Role.VIEWER], calls))
            return failed or int(len(started) < len(options.databases))
        _print_welcome(base, made, folder)
        await server.wait_stopped()
    return 0


def _prepare(stack: AsyncExitStack, options: DemoOptions) -> Path:
    """Make the demo's folder anew, and hold it while the demo runs."""
    if options.folder is None and options.once:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="appsmith-proxy-demo-"))) / "demo"
    else:
        folder = (options.folder or DEFAULT_FOLDER).absolute()
    try:
        _clear(stack, folder)
        (folder / "data").mkdir(mode=0o700)
        make_shop(folder / "data" / "shop.db", owner_email=OWNER)
    except OSError as error:
        raise ConfigurationError(
            f"the demo cannot use {folder}: {error.strerror}", hint="choose another folder with --folder"
        ) from None
    return folder


def _clear(stack: AsyncExitStack, folder: Path) -> None:
    mark = folder / MARK
    if folder.exists() and not mark.is_file():
        raise ConfigurationError(
            f"{folder} exists and is not a folder of the demo", hint="choose another one with --folder"
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    held = stack.enter_context(mark.open("w"))
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigurationError(
            f"a demo is running in {folder}", hint="stop it, or choose another folder with --folder"
        ) from None
    held.write("This folder is made anew each time the demo starts.\n")
    held.flush()
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry != mark:
            entry.unlink()


def _port(options: DemoOptions) -> int:
    if options.port is not None:
        return options.port
    return 0 if options.once else DEFAULT_PORT


def _settings(folder: Path, port: int) -> Settings:
    return Settings(
        encryption_password=_demo_key(folder / "keys" / "encryption-password"),
        encryption_salt=_demo_key(folder / "keys" / "encryption-salt"),
        host=HOST,
        port=port,
        data_folder=folder / "store",
        allow_loopback=True,
        driver_options={"sqlite": {"folder": str(folder / "data")}},
    )


def _demo_key(path: Path) -> Secret:
    """Make a key that says of itself that it is the demo's: ``serve`` refuses it."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    key = DEMO_KEY_PREFIX + secrets.token_urlsafe(32)
    path.touch(mode=0o600)
    path.write_text(key + "\n")
    return Secret(key)


async def _serve_sample_api(stack: AsyncExitStack, key: str) -> int:
    runner = web.AppRunner(sample_api(key), access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    port: int = runner.addresses[0][1]
    return port


async def _fill(runtime: Runtime, started: Sequence[Started], *, api_port: int, api_key: str) -> Made:
    await runtime.store.put_meta(DEMO_MARK, b"1", expected=None)
    root = Principal(id="0" * 24, role=Role.ADMINISTRATOR, workspace_id=None, user=User())
    catalog = runtime.catalog
    workspace = await catalog.workspaces.create(root, {"name": "Demo"})
    application = await catalog.applications.create(root, {"workspace_id": workspace.id, "name": "Shop"})
    configurations: dict[str, tuple[str, dict[str, Any]]] = {
        SHOP: ("sqlite", {"file": "shop.db"}),
        WAREHOUSE: (
            "rest",
            {"url": f"http://{HOST}:{api_port}/v1", "secretHeaders": {KEY_HEADER: api_key}},
        ),
        **{one.database.kind: (one.database.kind, dict(one.configuration)) for one in started},
    }
    datasources = {
        name: await catalog.datasources.create(
            root, {"workspace_id": workspace.id, "name": name, "kind": kind, "configuration": configuration}
        )
        for name, (kind, configuration) in configurations.items()
    }
    for one in started:
        lease = await runtime.leases.borrow(datasources[one.database.kind])
        try:
            await databases.fill(lease.client, one, owner_email=OWNER)
        finally:
            lease.release()
    samples = SAMPLES + tuple(sample for one in started for sample in one.database.samples)
    actions: dict[str, str] = {}
    for sample in samples:
        details = await catalog.actions.create(
            root,
            {
                "application_id": application.id,
                "datasource_id": datasources[sample.datasource].id,
                "name": sample.name,
                "configuration": dict(sample.configuration),
                "parameters": sample.parameters,
            },
        )
        actions[sample.name] = details.action.id
    await catalog.applications.publish(root, application.id)
    owner = User(id="owner", email=OWNER, name="The owner", groups=("sales",), roles=("viewer",))
    tokens = {
        role: (await runtime.tokens.create(role=role, workspace_id=workspace.id, user=owner, days=TOKEN_DAYS))[1]
        for role in (Role.VIEWER, Role.DEVELOPER)
    }
    return Made(application_id=application.id, samples=samples, actions=actions, tokens=tokens)


def _print_welcome(base: str, made: Made, folder: Path) -> None:
    viewer, developer = made.tokens[Role.VIEWER], made.tokens[Role.DEVELOPER]

    def curl(sample: Sample) -> str:
        body = json.dumps({"actionId": made.actions[sample.name], "viewMode": True, "params": dict(sample.params)})
        quoted = body.replace("'", "'\\''")
        return f"curl -s {base}/actions/execute -H 'Authorization: Bearer {viewer}' -H 'Content-Type: application/json' -d '{quoted}'"

    by_name = {sample.name: sample for sample in made.samples}
    print(f"The demo serves on {base} (loopback only); everything is in {folder}. Stop it with Ctrl-C.\n")
    print(f"viewer token     {viewer}\ndeveloper token  {developer}     (both live for 24 hours)\n")
    for sample in made.samples:
        print(f"  {made.actions[sample.name]}  {sample.name:<20} {sample.shows}")
    print("\nPaste:\n")
    for name in ("CustomerById", "SearchCustomers", "StockOfProduct"):
        print(curl(by_name[name]) + "\n")
    print(
        f"What a viewer may know of the actions:\n\ncurl -s '{base}/actions/view?applicationId={made.application_id}' -H 'Authorization: Bearer {viewer}'\n",
        flush=True,
    )
