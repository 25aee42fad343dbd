"""One execution of an action under trial: compiled, bound and run as the gateway does it.

::

    values ──sends──▶ params ──bind──▶ Call (texts, payload) ──run──▶ data.body
                                          │ one statement, request or document: the client
                                          └ rows, several steps: gateway.transactions, as every caller's
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from appsmith_proxy.gateway.execution import ExecuteCall
from appsmith_proxy.gateway.leases import Leases, Opened
from appsmith_proxy.gateway.limits import AdmissionLimits, Gate
from appsmith_proxy.gateway.runnables import Runnable
from appsmith_proxy.gateway.transactions import Transaction
from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.model.plan import Plan
from appsmith_proxy.model.principal import Principal, Role, User
from appsmith_proxy.model.records import Action, ActionCopy, Datasource
from appsmith_proxy.sdk import Client, Driver, ExecuteRequest, Limits, Result, Statement
from appsmith_proxy.template import Bound, bind, compile_action, stepwise
from appsmith_proxy.testing.context import PLAIN, BindingContext

_SECONDS: Final = 30.0
_LIMITS: Final = Limits(rows=100_000, bytes=1 << 26)
_CALLER: Final = Principal(id="injection", role=Role.VIEWER, workspace_id=None, user=User())


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What one execution sends, bound and not yet run."""

    runnable: Runnable
    params: Mapping[str, Any]
    texts: tuple[str, ...]
    """Of the statements; empty for what is no SQL."""
    bound: Bound | None
    """None: a transaction binds step by step."""


class Runner:
    """Binds and runs one context's action for any number of values."""

    def __init__(self, driver: Driver, client: Client, context: BindingContext) -> None:
        self._client = client
        self._context = context
        self._leases = Leases(self._opened)
        widths = {1} if context.joint else {1, context.width}
        self._runnables = {width: _runnable(driver, context, width) for width in widths}

    @property
    def in_transaction(self) -> bool:
        """Whether an execution sends several statements, all or nothing."""
        return any(runnable.plan.in_transaction for runnable in self._runnables.values())

    def params(self, given: Sequence[Any], turn: int) -> dict[str, Any]:
        """Return what the caller sends for values, in this turn's arrangement."""
        sends = self._context.sends
        if sends:
            return dict(sends[turn % len(sends)](given))
        return {"v0": list(given)} if self._context.joint else {f"v{n}": value for n, value in enumerate(given)}

    def call(self, given: Sequence[Any], turn: int) -> Call:
        """Bind values.

        Raises:
            ProxyError: they are refused before a driver sees them.
        """
        runnable = self._runnables[1 if self._context.joint else len(given)]
        params = self.params(given, turn)
        if runnable.plan.in_transaction:
            return Call(runnable=runnable, params=params, texts=_texts_of_steps(runnable.plan, params), bound=None)
        bound = bind(runnable.plan, params, _nobody)
        texts = (bound.payload.text,) if isinstance(bound.payload, Statement) else ()
        return Call(runnable=runnable, params=params, texts=texts, bound=bound)

    async def run(self, call: Call, *, dry: bool = False) -> Any:
        """Return ``data.body`` as the caller gets it. ``dry`` has a transaction rolled back.

        Raises:
            ProxyError: the execution failed.
        """
        deadline = asyncio.get_running_loop().time() + _SECONDS
        if call.bound is None:
            result = await self._in_transaction(call, deadline, dry=dry)
        else:
            request = ExecuteRequest(
                payload=call.bound.payload,
                values=call.bound.values,
                read_only=call.runnable.plan.read_only,
                limits=_LIMITS,
                deadline=deadline,
            )
            result = await self._client.execute(request)
        return orjson.loads(call.runnable.encoder.encode(result, numbers="string"))

    async def _in_transaction(self, call: Call, deadline: float, *, dry: bool) -> Result:
        asked = ExecuteCall(
            principal=_CALLER,
            action_id=call.runnable.action.id,
            view_mode=True,
            params=call.params,
            numbers="string",
            dry_run=dry,
        )
        transaction = Transaction(asked, call.runnable, _nobody)
        transaction.check()
        lease = await self._leases.borrow(call.runnable.datasource)
        try:
            return await transaction.run(lease, deadline)
        finally:
            lease.release()

    async def _opened(self, datasource: Datasource) -> Opened:
        return Opened(client=self._client)


def _runnable(driver: Driver, context: BindingContext, width: int) -> Runnable:
    """Return the context's action for so many bindings, as the gateway keeps it."""
    names = ["v0"] if context.joint else [f"v{number}" for number in range(width)]
    declared = [] if context.declared is None else [DeclaredParameter(name=name, **context.declared) for name in names]
    parameters = (*declared, *context.beside)
    configuration = context.action(names)
    compiled = compile_action(driver, configuration, parameters, read_only=None, allow_ddl=False)
    assert compiled.plan is not None, f"{context.name}: {compiled.problems}"
    datasource = Datasource(id="injection", workspace_id="injection", name="injection", kind=driver.kind)
    copy = ActionCopy(
        datasource_id=datasource.id, name=context.name, configuration=configuration, parameters=parameters
    )
    return Runnable(
        action=Action(id=context.name, workspace_id="injection", application_id="injection", draft=copy),
        copy=copy,
        plan=compiled.plan,
        datasource=datasource,
        driver=driver,
        gate=Gate(AdmissionLimits()),
        limits=_LIMITS,
        timeout=_SECONDS,
        scope="",
    )


def _texts_of_steps(plan: Plan, params: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the texts that the steps will send, with a harmless text for what they will answer.

    Raises:
        ProxyError: what the caller sent is refused.
    """
    binder = stepwise(plan)
    binder.check(params, _nobody, family=False)
    texts: list[str] = []
    for index in range(len(plan.steps)):
        bound = binder.bind(index, params, _nobody, lambda step, column: PLAIN, family=False)
        payloads = [bound.payload] if bound.batches is None else [batch.payload for batch in bound.batches]
        texts += (payload.text for payload in payloads if isinstance(payload, Statement))
    return tuple(texts)


def _nobody(name: str) -> None:
    """Know nothing of the caller: no context has trusted names."""
