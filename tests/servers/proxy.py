"""A whole proxy on loopback, in this process: runtime, server, and a client for each role that speaks the JSON API."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from appsmith_proxy.audit.ring import RingSink
from appsmith_proxy.model.principal import Role, User
from appsmith_proxy.registry.registry import Registry
from appsmith_proxy.runtime import Runtime
from appsmith_proxy.sdk import Secret
from appsmith_proxy.server import Server
from appsmith_proxy.settings import Settings
from appsmith_proxy.store.contract import ConfigStore
from appsmith_proxy.store.memory import MemoryStore
from appsmith_proxy.vault import FLOOR

ALICE = User(id="u-alice", email="alice@shop.example", name="Alice", groups=("sales", "north"), roles=("viewer",))

PASSWORD = Secret("an encryption password for tests 0123456789")
SALT = Secret("an encryption salt for tests 9876543210")


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, envelope and raw bytes of an answer."""

    status: int
    envelope: dict[str, Any]
    raw: bytes
    headers: Mapping[str, str]

    @property
    def data(self) -> Any:
        """The envelope's data."""
        return self.envelope.get("data")

    @property
    def error(self) -> dict[str, Any]:
        """The envelope's error."""
        found: dict[str, Any] = self.envelope["responseMeta"]["error"]
        return found


class Caller:
    """One role's client."""

    def __init__(self, base: str, session: aiohttp.ClientSession, token: str | None) -> None:
        self.base = base
        self.session = session
        self.token = token

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> Reply:
        """Call a route below ``/api/v1``."""
        headers = dict(options.pop("headers", {}))
        if self.token is not None:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        if body is not None:
            options["json"] = body
        async with self.session.request(method, f"{self.base}{path}", headers=headers, **options) as response:
            raw = await response.read()
            return Reply(response.status, json.loads(raw) if raw else {}, raw, response.headers)

    async def created(self, path: str, body: Any) -> dict[str, Any]:
        """Create something that must succeed; return its data."""
        reply = await self.call("POST", path, body)
        assert reply.status in (200, 201), reply.envelope
        data: dict[str, Any] = reply.data
        return data

    async def execute(self, action_id: str, params: Mapping[str, Any] | None = None, **fields: Any) -> Reply:
        """Execute as JSON; ``viewMode`` is true unless told otherwise."""
        body = {"actionId": action_id, "viewMode": True, "params": dict(params or {}), **fields}
        return await self.call("POST", "/actions/execute", body)

    async def execute_form(
        self, action_id: str, params: Mapping[str, tuple[str, Any]], *, view_mode: bool = True
    ) -> Reply:
        """Execute in the family's form: name → (text, datatype)."""
        form = aiohttp.FormData()
        properties = {f"k{i}": {"datatype": kind, "blobIdentifiers": []} for i, (_, kind) in enumerate(params.values())}
        description = {"actionId": action_id, "viewMode": view_mode, "paramProperties": properties}
        form.add_field("executeActionDTO", json.dumps(description), content_type="application/json")
        if params:
            form.add_field("parameterMap", json.dumps({name: f"k{i}" for i, name in enumerate(params)}))
        for i, (text, _) in enumerate(params.values()):
            form.add_field(f"k{i}", text, filename="blob", content_type="text/plain")
        return await self.call("POST", "/actions/execute", data=form)


class Proxy:
    """A running proxy with one workspace and one application."""

    def __init__(self, runtime: Runtime, server: Server, ring: RingSink, session: aiohttp.ClientSession) -> None:
        self.runtime = runtime
        self.server = server
        self.ring = ring
        self.base = f"http://{server.host}:{server.port}/api/v1"
        self.session = session
        self.anonymous = Caller(self.base, session, None)
        self.callers: dict[Role, Caller] = {}
        self.workspace_id = ""
        self.application_id = ""

    @property
    def administrator(self) -> Caller:
        """Of the whole instance."""
        return self.callers[Role.ADMINISTRATOR]

    @property
    def developer(self) -> Caller:
        """Of the workspace."""
        return self.callers[Role.DEVELOPER]

    @property
    def viewer(self) -> Caller:
        """Of the workspace; the person behind it is Alice."""
        return self.callers[Role.VIEWER]

    async def caller(self, role: Role, workspace_id: str | None, user: User = ALICE) -> Caller:
        """Return a client with a fresh token."""
        _, token = await self.runtime.tokens.create(role=role, workspace_id=workspace_id, user=user)
        return Caller(self.base, self.session, token)

    async def furnish(self) -> None:
        """Make the workspace, the application and a client for each role."""
        self.callers[Role.ADMINISTRATOR] = await self.caller(Role.ADMINISTRATOR, None)
        workspace = await self.administrator.created("/workspaces", {"name": "Shop"})
        self.workspace_id = workspace["id"]
        application = await self.administrator.created(
            "/applications", {"workspaceId": self.workspace_id, "name": "Orders"}
        )
        self.application_id = application["id"]
        for role in (Role.DEVELOPER, Role.VIEWER):
            self.callers[role] = await self.caller(role, self.workspace_id)

    async def datasource(self, kind: str, configuration: Mapping[str, Any], *, name: str = "") -> str:
        """Create a datasource and return its id."""
        body = {
            "workspaceId": self.workspace_id,
            "name": name or f"{kind}-{len(self.ring.records())}-{id(configuration)}",
            "kind": kind,
            "configuration": dict(configuration),
        }
        found: str = (await self.developer.created("/datasources", body))["id"]
        return found

    async def action(
        self,
        datasource_id: str,
        configuration: Mapping[str, Any] | str,
        *,
        name: str = "",
        parameters: Sequence[Mapping[str, Any]] = (),
        publish: bool = True,
        **fields: Any,
    ) -> str:
        """Create an action (a text is SQL), publish it unless told otherwise, and return its id."""
        body = {
            "applicationId": self.application_id,
            "datasourceId": datasource_id,
            "name": name or f"action{len(fields)}-{abs(hash(str(configuration)))}",
            "configuration": {"body": configuration} if isinstance(configuration, str) else dict(configuration),
            "parameters": list(parameters),
            **fields,
        }
        found: str = (await self.developer.created("/actions", body))["id"]
        if publish:
            await self.publish()
        return found

    async def publish(self) -> None:
        """Publish the application."""
        reply = await self.developer.call("POST", f"/applications/{self.application_id}/publish")
        assert reply.status == 200, reply.envelope


@asynccontextmanager
async def running_proxy(
    folder: Path,
    *,
    store: ConfigStore | None = None,
    plugins: Sequence[object] = (),
    registry: Registry | None = None,
    furnish: bool = True,
    **settings: Any,
) -> AsyncIterator[Proxy]:
    """Start a proxy on a free port; stop it at the end."""
    settings.setdefault("allow_loopback", True)
    ring = RingSink()
    runtime = await Runtime.open(
        Settings(encryption_password=PASSWORD, encryption_salt=SALT, port=0, data_folder=folder, **settings),
        registry=registry or Registry.discover(plugins=plugins),
        store=store or MemoryStore(),
        sinks=(ring,),
        key_cost=FLOOR,
    )
    async with runtime, Server(runtime, notice_seconds=0) as server, aiohttp.ClientSession() as session:
        proxy = Proxy(runtime, server, ring, session)
        if furnish:
            await proxy.furnish()
        yield proxy
