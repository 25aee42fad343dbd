"""One caller's large values are bound in a thread: the loop, which serves everybody, is not where they are looked at."""

import threading
from collections.abc import Mapping
from typing import Any, Final

import pytest

from appsmith_proxy.gateway.execution import ExecuteCall
from appsmith_proxy.model.principal import Principal, Role
from tests.servers.proxy import ALICE, Proxy

LOOKUP: Final = "SELECT id FROM orders WHERE customer = {{ who }}"


class Watched(dict[str, Any]):
    """Parameters that know in which threads they were looked at."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.threads: set[threading.Thread] = set()

    def __getitem__(self, name: str) -> Any:
        self.threads.add(threading.current_thread())
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.threads.add(threading.current_thread())
        return super().get(name, default)

    def __contains__(self, name: object) -> bool:
        self.threads.add(threading.current_thread())
        return super().__contains__(name)


@pytest.mark.parametrize("large", [False, True])
async def test_large_values_are_bound_aside(proxy: Proxy, shop: str, large: bool) -> None:
    action = await proxy.action(shop, LOOKUP)
    params = Watched({"who": "bob@shop.example"})
    principal = Principal(id="c" * 24, role=Role.VIEWER, workspace_id=proxy.workspace_id, user=ALICE)
    call = ExecuteCall(principal=principal, action_id=action, view_mode=True, params=params, large=large)
    execution = await proxy.runtime.executor.execute(call)
    assert execution.error is None
    assert params.threads
    assert (threading.current_thread() not in params.threads) is large
