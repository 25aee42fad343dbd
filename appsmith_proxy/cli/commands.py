"""What each command does; its help is in ``table``.

The big rooms are imported by the commands that need them, so that the others answer at once.
"""

import argparse
import json
import sys
from typing import TYPE_CHECKING

from appsmith_proxy import logs
from appsmith_proxy.catalog import keys
from appsmith_proxy.cli.running import FAILED, OK, run_async, settings_of, with_runtime
from appsmith_proxy.cli.showing import TOKEN_HEADINGS, shown, token_json, token_row
from appsmith_proxy.cli.values import store_url
from appsmith_proxy.model.principal import Role, User
from appsmith_proxy.registry.registry import Registry
from appsmith_proxy.settings import settings_table
from appsmith_proxy.store.copying import copy_between

if TYPE_CHECKING:
    from appsmith_proxy.runtime import Runtime


def serve(arguments: argparse.Namespace) -> int:
    from appsmith_proxy.runtime import Runtime  # noqa: PLC0415  # reason: a big room
    from appsmith_proxy.server import serve as run_server  # noqa: PLC0415

    async def work() -> int:
        registry = Registry.discover()
        settings = settings_of(arguments, registry)
        logs.set_up(settings.log_level, requests=settings.log_requests)
        async with await Runtime.open(settings, registry=registry) as runtime:
            await run_server(runtime)
        return OK

    return run_async(work())


def demo(arguments: argparse.Namespace) -> int:
    from appsmith_proxy.demo.run import DemoOptions, run_demo  # noqa: PLC0415  # reason: a big room

    options = DemoOptions(
        folder=arguments.folder, port=arguments.port, once=arguments.once, databases=arguments.databases
    )
    return run_async(run_demo(options))


def keys_init(arguments: argparse.Namespace) -> int:
    for line in keys.init(arguments.folder):
        print(line)
    return OK


def keys_rotate(arguments: argparse.Namespace) -> int:
    return with_runtime(arguments, lambda runtime: keys.rotate_and_report(runtime.keyring, print))


def keys_change_password(arguments: argparse.Namespace) -> int:
    new_password, new_salt = keys.read_new(arguments.new_password_file, arguments.new_salt_file)
    return with_runtime(
        arguments,
        lambda runtime: keys.change_and_report(runtime.keyring, new_password, new_salt, print),
    )


def tokens_create(arguments: argparse.Namespace) -> int:
    async def work(runtime: "Runtime") -> None:
        user = User(
            id=arguments.user_id,
            email=arguments.user_email,
            name=arguments.user_name,
            groups=tuple(arguments.user_group) or None,
            roles=(arguments.role,),
        )
        token, plain = await runtime.tokens.create(
            role=Role(arguments.role), workspace_id=arguments.workspace, user=user, days=arguments.days
        )
        print(plain)
        print(
            f"id {token.id}, {token.role}, until {token.expires_at:%Y-%m-%d %H:%M} UTC; it is not shown again",
            file=sys.stderr,
        )

    return with_runtime(arguments, work)


def tokens_list(arguments: argparse.Namespace) -> int:
    async def work(runtime: "Runtime") -> None:
        tokens = await runtime.tokens.list()
        if arguments.json:
            print(json.dumps([token_json(token) for token in tokens], indent=2))
            return
        print(TOKEN_HEADINGS)
        for token in tokens:
            print(token_row(token))

    return with_runtime(arguments, work)


def tokens_revoke(arguments: argparse.Namespace) -> int:
    async def work(runtime: "Runtime") -> None:
        await runtime.tokens.revoke(arguments.id)
        print(f"revoked {arguments.id}; every process refuses it within a second")

    return with_runtime(arguments, work)


def store_copy(arguments: argparse.Namespace) -> int:
    async def work() -> int:
        source, target = store_url("--from", arguments.source), store_url("--to", arguments.target)
        await copy_between(source, target, print)
        print(f"copied. Now set APPSMITH_DB_URL to this URL of {target.shown} and start every server,")
        print("with the same encryption password and salt; then put the old store away as you would a backup")
        return OK

    return run_async(work())


def plans_check(arguments: argparse.Namespace) -> int:
    from appsmith_proxy.catalog.plans import check_and_report  # noqa: PLC0415  # reason: a big room

    well: list[bool] = []

    async def work(runtime: "Runtime") -> None:
        said = await check_and_report(runtime.catalog.plans, arguments.workspace, lambda line: print(shown(line)))
        well.append(said)

    with_runtime(arguments, work)
    return OK if all(well) else FAILED


def plugins(arguments: argparse.Namespace) -> int:
    entries = Registry.discover().report()
    for entry in entries:
        kinds = ", ".join(entry.kinds) or "-"
        print(f"{entry.name:<12}  {entry.status:<12}  {kinds:<12}  {entry.version or '-':<8}  {entry.reason}")
    return OK


def show_settings(arguments: argparse.Namespace) -> int:
    print(settings_table())
    return OK
