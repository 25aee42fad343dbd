"""What a transaction binds: few values at once, many in a thread, so that nobody else waits for them."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from appsmith_proxy.gateway.execution import ExecuteCall
from appsmith_proxy.gateway.leases import Leases, Opened
from appsmith_proxy.gateway.limits import AdmissionLimits, Gate
from appsmith_proxy.gateway.runnables import Runnable
from appsmith_proxy.gateway.transactions import Transaction
from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.model.principal import Principal, Role, User
from appsmith_proxy.model.records import Action, ActionCopy, Datasource
from appsmith_proxy.registry.registry import Registry
from appsmith_proxy.sdk import Limits, OpenContext, ParameterType, Value
from appsmith_proxy.template import compile_action
from appsmith_proxy.testing.network import LoopbackNetwork

DATASOURCE: Final = Datasource(id="d" * 24, workspace_id="w" * 24, name="shop", kind="sqlite")
COPY: Final = ActionCopy(
    datasource_id=DATASOURCE.id,
    name="add",
    configuration={
        "steps": [
            {"name": "add", "body": "INSERT INTO notes (a, b) VALUES {{rows}}"},
            {"name": "sign", "body": "UPDATE notes SET by = {{appsmith.user.email}}"},
        ]
    },
    parameters=(
        DeclaredParameter(
            name="rows",
            type=ParameterType.OBJECT,
            is_list=True,
            max_items=10,
            fields=(DeclaredParameter(name="a"), DeclaredParameter(name="b")),
        ),
    ),
)


@pytest.mark.parametrize("large", [False, True])
async def test_many_values_are_bound_aside(tmp_path: Path, large: bool) -> None:
    with closing(sqlite3.connect(tmp_path / "notes.db")) as file:
        file.execute("CREATE TABLE notes (a TEXT, b TEXT, by TEXT)")
    driver = Registry.discover().driver("sqlite")
    plan = compile_action(driver, COPY.configuration, COPY.parameters, read_only=None, allow_ddl=False).plan
    assert plan is not None
    runnable = Runnable(
        action=Action(id="a" * 24, workspace_id="w" * 24, application_id="b" * 24, draft=COPY),
        copy=COPY,
        plan=plan,
        datasource=DATASOURCE,
        driver=driver,
        gate=Gate(AdmissionLimits()),
        limits=Limits(),
        timeout=10.0,
        scope="",
    )
    principal = Principal(id="c" * 24, role=Role.VIEWER, workspace_id="w" * 24, user=User())
    rows: list[Value] = [{"a": "x", "b": "y"}] * 3
    call = ExecuteCall(principal=principal, action_id="a" * 24, view_mode=False, params={"rows": rows}, large=large)
    threads: list[threading.Thread] = []

    def trusted(_name: str) -> str:
        threads.append(threading.current_thread())
        return "me"

    async def open_client(_datasource: Datasource) -> Opened:
        context = OpenContext(network=LoopbackNetwork(), options={"folder": str(tmp_path)}, max_connections=1)
        return Opened(client=await driver.open({"file": "notes.db"}, {}, context))

    leases = Leases(open_client)
    transaction = Transaction(call, runnable, trusted)
    await transaction.aside(transaction.check)
    lease = await leases.borrow(DATASOURCE)
    try:
        result = await transaction.run(lease, asyncio.get_running_loop().time() + 30)
    finally:
        lease.release()
        await leases.close()
    assert result.affected == 3
    assert len(threads) >= 2, "looked at, and bound"
    assert [thread is not threading.current_thread() for thread in threads] == [large] * len(threads)
