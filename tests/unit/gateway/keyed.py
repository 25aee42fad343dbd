"""A process's room of keyed runs over a memory store, and calls that come with a key."""

from typing import Any

from appsmith_proxy.errors import ProxyError
from appsmith_proxy.gateway.execution import ExecuteCall, Execution
from appsmith_proxy.gateway.idempotency import Idempotency
from appsmith_proxy.gateway.limits import AdmissionLimits, Gate
from appsmith_proxy.gateway.runnables import Runnable
from appsmith_proxy.model.keyed_runs import KeyedRun
from appsmith_proxy.model.plan import Plan
from appsmith_proxy.model.principal import Principal, Role, User
from appsmith_proxy.model.records import Action, ActionCopy, Datasource
from appsmith_proxy.sdk import Limits, replace
from appsmith_proxy.store.memory import MemoryStore
from appsmith_proxy.testing.memory import MemoryDriver

DATASOURCE = Datasource(id="d" * 24, workspace_id="w" * 24, name="shop", kind="memory")
COPY = ActionCopy(
    datasource_id=DATASOURCE.id,
    name="add",
    configuration={},
    user_messages={"orders_pkey": "That order exists already.", "BadResponse": "The shop is closed."},
)
ACTION = Action(id="a" * 24, workspace_id="w" * 24, application_id="b" * 24, draft=COPY, published=replace(COPY))
PLAN = Plan(kind="memory", steps=(), bindings=(), parameters={}, writes=True, read_only=False, digest="cd" * 32)
TIMEOUT = 10.0


def runnable(*, writes: bool = True, draft: bool = False, action: Action = ACTION) -> Runnable:
    copy = action.draft if draft else action.published
    assert copy is not None
    return Runnable(
        action=action,
        copy=copy,
        plan=replace(PLAN, writes=writes),
        datasource=DATASOURCE,
        driver=MemoryDriver(),
        gate=Gate(AdmissionLimits()),
        limits=Limits(),
        timeout=TIMEOUT,
        scope="",
    )


def call(key: str = "order 17", *, caller: str = "c" * 24, dry_run: bool = False, **params: Any) -> ExecuteCall:
    principal = Principal(id=caller, role=Role.VIEWER, workspace_id="w" * 24, user=User())
    return ExecuteCall(
        principal=principal,
        action_id=ACTION.id,
        view_mode=True,
        params=params,
        dry_run=dry_run,
        idempotency_key=key,
    )


class Here:
    """One process's room, and a datasource that counts what reaches it."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.now = 1_700_000_000.0
        self.room = Idempotency(store, clock=lambda: self.now)
        self.ran = 0
        self.told: list[ProxyError | None] = []
        self.answer: Execution | BaseException = Execution(id="", body=b'[{"id":4711}]', affected=3)

    async def work(self) -> Execution:
        self.ran += 1
        if isinstance(self.answer, BaseException):
            raise self.answer
        return replace(self.answer, id=f"execution {self.ran}")

    async def not_run(self, error: ProxyError | None) -> None:
        self.told.append(error)

    async def run(self, asked: ExecuteCall, what: Runnable | None = None, work: Any = None) -> Execution:
        return await self.room.run(
            asked, what or runnable(), "the execution's id", work or self.work, self.not_run, editor=True
        )

    async def stored(self) -> list[KeyedRun]:
        return [run async for run in self.store.scan(KeyedRun)]
