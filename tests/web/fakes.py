"""A runtime for tests of the web room: real nouns, records in dictionaries, and a count of everything that was asked."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from appsmith_proxy.catalog import views
from appsmith_proxy.errors import InUse, NotFound, Problem, StaleRevision, TlsFailed, Unauthenticated
from appsmith_proxy.gateway.execution import ExecuteCall, Execution
from appsmith_proxy.model.ids import new_id
from appsmith_proxy.model.plan import Binding, Source
from appsmith_proxy.model.principal import Principal, Role, User
from appsmith_proxy.model.records import (
    DEFAULT_TIMEOUT_MS,
    Action,
    ActionCopy,
    Application,
    Datasource,
    SealedSecret,
    Workspace,
)
from appsmith_proxy.registry.report import ReportEntry, Status
from appsmith_proxy.sdk import Driver, Structure, StructureColumn, StructureTable
from appsmith_proxy.settings import Settings
from appsmith_proxy.testing.memory import MemoryDriver

T = TypeVar("T", Workspace, Application, Datasource)

WORKSPACE = "a" * 24
APPLICATION = "b" * 24
DATASOURCE = "c" * 24
ACTION = "d" * 24
NOBODY = "e" * 24
"""An id of nothing."""

CANARIES = {
    "secret": "canary-secret-5f1d",
    "statement": "SELECT 'canary-statement-8a2c'",
    "native": "canary-native-77e0",
    "hint": "canary-hint-19bb",
}
"""Planted where a viewer must not see them."""


def principal(role: Role, workspace_id: str | None = WORKSPACE) -> Principal:
    return Principal(id=new_id(), role=role, workspace_id=workspace_id, user=User(id="u1", email="u1@example.org"))


class FakeTokens:
    """Callers by header; every second look is a cached one."""

    def __init__(self) -> None:
        self.principals = {f"Bearer {role.value}": principal(role) for role in Role}
        self.principals["Bearer root"] = principal(Role.ADMINISTRATOR, None)
        self._seen: set[str] = set()

    def authenticate_cached(self, authorization: str | None, /) -> Principal | None:
        return self.principals.get(authorization or "") if authorization in self._seen else None

    async def authenticate(self, authorization: str | None, /) -> Principal:
        found = self.principals.get(authorization or "")
        if found is None:
            raise Unauthenticated("not known, and this text must not get out")
        self._seen.add(authorization or "")
        return found


def rows(call: ExecuteCall) -> Execution:
    editor = call.principal.role is not Role.VIEWER
    return Execution(
        id=new_id(),
        body=b'[{"id":1}]',
        columns=b'[{"name":"id","type":"integer"}]',
        editor=editor,
        data_types=("TABLE", "JSON", "RAW"),
    )


class FakeExecutor:
    """Answers with ``answer`` and keeps the calls."""

    def __init__(self) -> None:
        self.calls: list[ExecuteCall] = []
        self.answer: Callable[[ExecuteCall], Execution] = rows
        self.before: Callable[[], Awaitable[None]] | None = None

    async def execute(self, call: ExecuteCall, /) -> Execution:
        self.calls.append(call)
        if call.action_id == NOBODY:
            raise NotFound("no such action, said in words of its own")
        if self.before is not None:
            await self.before()
        return self.answer(call)


class FakeVerbs(Generic[T]):
    """Records of one kind by id."""

    def __init__(self, counter: Counter[str], record: T, kind: type[Any]) -> None:
        self.counter = counter
        self.records: dict[str, T] = {record.id: record}
        self.kind = kind
        self.fails: Exception | None = None
        self.before: Callable[[], Awaitable[None]] | None = None

    async def asked(self, verb: str) -> None:
        self.counter[f"{self.kind.__name__}.{verb}"] += 1
        if self.before is not None:
            await self.before()
        if self.fails is not None:
            raise self.fails

    async def create(self, caller: Principal, values: Mapping[str, Any], /) -> T:
        await self.asked("create")
        made: T = self.kind(id=new_id(), revision=1, **values)
        self.records[made.id] = made
        return made

    async def list(self, caller: Principal, /, *, where: Mapping[str, str], after: str, limit: int) -> views.Page[T]:
        await self.asked("list")
        found = [
            record
            for record in sorted(self.records.values(), key=lambda record: record.id)
            if record.id > after and all(getattr(record, name) == value for name, value in where.items())
        ]
        return views.Page(items=tuple(found[:limit]), next=found[limit - 1].id if len(found) > limit else None)

    async def get(self, caller: Principal, record_id: str, /) -> T:
        await self.asked("get")
        if record_id not in self.records:
            raise NotFound(f"no such {self.kind.__name__}")
        return self.records[record_id]

    async def patch(self, caller: Principal, record_id: str, /, *, revision: int, values: Mapping[str, Any]) -> T:
        await self.asked("patch")
        record = await self.get(caller, record_id)
        if record.revision != revision:
            raise StaleRevision("it has changed", hint="read it again")
        self.records[record_id] = replace(record, revision=revision + 1, **values)
        return self.records[record_id]

    async def delete(self, caller: Principal, record_id: str, /) -> None:
        await self.asked("delete")
        await self.get(caller, record_id)
        if record_id == APPLICATION:
            raise InUse("it still has actions", details=(Problem(f"actions/{ACTION}", "find_customer"),))
        del self.records[record_id]


class FakeApplications(FakeVerbs[Application]):
    async def publish(self, caller: Principal, record_id: str, /) -> views.PublishReport:
        await self.asked("publish")
        action = views.PublishedAction(id=ACTION, name="find_customer", warnings=("slow",))
        return views.PublishReport(application=await self.get(caller, record_id), actions=(action,))


class FakeDatasources(FakeVerbs[Datasource]):
    async def test(self, caller: Principal, record_id: str, /) -> views.TestReport:
        await self.asked("test")
        await self.get(caller, record_id)
        error = TlsFailed("the certificate has expired", native_message=CANARIES["native"])
        return views.TestReport(success=False, error=error, chain=("CN=db",))

    async def test_new(self, caller: Principal, values: Mapping[str, Any], /) -> views.TestReport:
        await self.asked("test_new")
        return views.TestReport(success=True, server="Memory 1")

    async def structure(
        self, caller: Principal, record_id: str, /, *, path: tuple[str, ...], page: str | None
    ) -> Structure:
        await self.asked("structure")
        await self.get(caller, record_id)
        table = StructureTable(name="t", schema=".".join(path), columns=(StructureColumn(name="id", type="int4"),))
        return Structure(tables=(table,), next=page)


class FakeActions:
    """Actions, with details."""

    def __init__(self, counter: Counter[str], action: Action) -> None:
        self.counter = counter
        self.actions = {action.id: action}
        self.patched: list[Mapping[str, Any]] = []

    def _details(self, action: Action) -> views.ActionDetails:
        return views.ActionDetails(action=action, bindings=(Binding(name="id", source=Source.CLIENT),), warnings=("w",))

    async def create(self, caller: Principal, values: Mapping[str, Any], /) -> views.ActionDetails:
        self.counter["Action.create"] += 1
        given = {name: value for name, value in values.items() if name != "application_id"}
        given["timeout_ms"] = given["timeout_ms"] or DEFAULT_TIMEOUT_MS
        draft = ActionCopy(**given)
        action = Action(
            id=new_id(), workspace_id=WORKSPACE, application_id=values["application_id"], draft=draft, revision=1
        )
        self.actions[action.id] = action
        return self._details(action)

    async def list(
        self, caller: Principal, /, *, where: Mapping[str, str], after: str, limit: int
    ) -> views.Page[views.ActionDetails]:
        self.counter["Action.list"] += 1
        return views.Page(items=tuple(map(self._details, self.actions.values())), next=None)

    async def get(self, caller: Principal, record_id: str, /) -> views.ActionDetails:
        self.counter["Action.get"] += 1
        if record_id not in self.actions:
            raise NotFound("no such action")
        return self._details(self.actions[record_id])

    async def patch(
        self, caller: Principal, record_id: str, /, *, revision: int, values: Mapping[str, Any]
    ) -> views.ActionDetails:
        self.counter["Action.patch"] += 1
        self.patched.append(values)
        return await self.get(caller, record_id)

    async def delete(self, caller: Principal, record_id: str, /) -> None:
        self.counter["Action.delete"] += 1
        await self.get(caller, record_id)

    async def view(self, caller: Principal, application_id: str, /) -> tuple[views.ActionSummary, ...]:
        self.counter["Action.view"] += 1
        if application_id != APPLICATION:
            raise NotFound("no such application")
        return tuple(
            views.ActionSummary(
                id=record_id, name=name, timeout_ms=10_000, confirm_before_execute=False, client_names=names
            )
            for record_id, name, names in ((ACTION, "find_customer", ("id",)), (NOBODY, "all", ()))
        )


class FakePlans:
    """Explains nothing."""

    def __init__(self, counter: Counter[str]) -> None:
        self.counter = counter

    async def compile(self, caller: Principal, values: Mapping[str, Any], /) -> views.ExplainedPlan:
        self.counter["Plan.compile"] += 1
        return views.ExplainedPlan(plan=None, problems=(Problem("configuration.body", "no", line=1, column=2),))

    async def check(self, caller: Principal, workspace_id: str, /) -> tuple[views.PlanReport, ...]:
        self.counter["Plan.check"] += 1
        if workspace_id != WORKSPACE:
            raise NotFound("no such workspace")
        state = views.PlanState.STALE
        return (views.PlanReport(action_id=ACTION, application_id=APPLICATION, name="n", state=state, found=("x",)),)


class FakeCatalog:
    def __init__(self, counter: Counter[str]) -> None:
        self.workspaces = FakeVerbs(counter, Workspace(id=WORKSPACE, name="Shop", revision=3), Workspace)
        self.plans = FakePlans(counter)
        self.applications = FakeApplications(
            counter, Application(id=APPLICATION, workspace_id=WORKSPACE, name="Orders", revision=1), Application
        )
        sealed = SealedSecret(sealed=CANARIES["secret"].encode(), generation=1)
        self.datasources = FakeDatasources(
            counter,
            Datasource(
                id=DATASOURCE,
                workspace_id=WORKSPACE,
                name="db",
                kind="memory",
                configuration={"host": "db.example"},
                secrets={"password": sealed},
                revision=1,
            ),
            Datasource,
        )
        draft = ActionCopy(
            datasource_id=DATASOURCE, name="find_customer", configuration={"body": CANARIES["statement"]}
        )
        self.actions = FakeActions(
            counter, Action(id=ACTION, workspace_id=WORKSPACE, application_id=APPLICATION, draft=draft, revision=1)
        )


class FakeRegistry:
    def drivers(self) -> Mapping[str, Driver]:
        return {"memory": MemoryDriver()}

    def report(self) -> tuple[ReportEntry, ...]:
        return (ReportEntry(name="memory", status=Status.ACTIVE, kinds=("memory",)),)


@dataclass
class FakeRuntime:
    """All of it."""

    settings: Settings = field(default_factory=lambda: Settings(port=0))
    listeners: list[tuple[str, int]] = field(default_factory=list)
    authenticator: FakeTokens = field(default_factory=FakeTokens)
    executor: FakeExecutor = field(default_factory=FakeExecutor)
    registry: FakeRegistry = field(default_factory=FakeRegistry)
    counter: Counter[str] = field(default_factory=Counter)
    unready: Exception | None = None

    def __post_init__(self) -> None:
        self.catalog = FakeCatalog(self.counter)

    async def ready(self) -> None:
        if self.unready is not None:
            raise self.unready
