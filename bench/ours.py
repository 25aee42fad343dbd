"""The proxy, as an operator runs it: SQLite store, sealed password, a viewer's token, published actions.

Run as a process: ``python -m bench.ours '{"kind": …, "configuration": …, "actions": […]}' FOLDER``; prints its port, the
token and the actions.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import uvloop

from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.model.principal import Principal, Role, User
from appsmith_proxy.registry.registry import Registry
from appsmith_proxy.runtime import Runtime
from appsmith_proxy.sdk import ParameterType, Secret
from appsmith_proxy.server import Server, settle_memory
from appsmith_proxy.settings import Settings


async def _serve(described: dict[str, Any], folder: Path) -> None:
    settings = Settings(
        encryption_password=Secret("a password for benchmarks 0123456789"),
        encryption_salt=Secret("a salt for benchmarks 9876543210"),
        port=0,
        data_folder=folder,
        allow_loopback=True,
    )
    async with await Runtime.open(settings, registry=Registry.discover()) as runtime, Server(runtime) as server:
        root = Principal(id="0" * 24, role=Role.ADMINISTRATOR, workspace_id=None, user=User())
        workspace = await runtime.catalog.workspaces.create(root, {"name": "Bench"})
        application = await runtime.catalog.applications.create(root, {"workspace_id": workspace.id, "name": "Bench"})
        datasource = await runtime.catalog.datasources.create(
            root,
            {
                "workspace_id": workspace.id,
                "name": "items",
                "kind": described["kind"],
                "configuration": described["configuration"],
            },
        )
        actions = []
        for action in described["actions"]:
            details = await runtime.catalog.actions.create(
                root,
                {
                    "application_id": application.id,
                    "datasource_id": datasource.id,
                    "name": action["name"],
                    "configuration": action["configuration"],
                    "parameters": tuple(
                        DeclaredParameter(name=name, type=ParameterType(type_name))
                        for name, type_name in action["parameters"].items()
                    ),
                },
            )
            actions.append(details.action.id)
        await runtime.catalog.applications.publish(root, application.id)
        _, token = await runtime.tokens.create(role=Role.VIEWER, workspace_id=workspace.id)
        settle_memory()
        print(json.dumps({"port": server.port, "token": token, "actions": actions}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(json.loads(sys.argv[1]), Path(sys.argv[2])))
