"""The command line: parses, then delegates. ``appsmith-proxy --help`` lists the commands.

Standard output holds what was asked for and nothing else; all that goes wrong is told on standard error. Exit codes:
0 done, 1 failed, 2 wrong usage, 78 wrong settings (sysexits' EX_CONFIG): nothing was started.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from appsmith_proxy import __version__, logs
from appsmith_proxy.access.tokens import DEFAULT_DAYS
from appsmith_proxy.catalog import keys
from appsmith_proxy.errors import ConfigurationError, ProxyError, describe
from appsmith_proxy.model.principal import Role, User
from appsmith_proxy.model.records import Token
from appsmith_proxy.registry.registry import Registry
from appsmith_proxy.settings import Settings, load, settings_table
from appsmith_proxy.store.copying import copy_between
from appsmith_proxy.store.urls import BadUrl, StoreUrl, parse_store_url
from appsmith_proxy.vault import read_private

if TYPE_CHECKING:
    from appsmith_proxy.runtime import Runtime

OK: Final = 0
FAILED: Final = 1
MISCONFIGURED: Final = 78


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code. Never a traceback: it would quote what passed through."""
    arguments = _parser().parse_args(argv)
    logs.set_up("error")  # until the settings of ``serve`` say otherwise
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except ConfigurationError as error:
        _complain(error)
        return MISCONFIGURED
    except ProxyError as error:
        _complain(error)
        return FAILED
    except BrokenPipeError:
        # Whoever read us has enough (``| head``); what Python still holds back must not fail once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return FAILED
    except Exception as error:  # noqa: BLE001  # reason: the last place where a defect can be told without its values
        print(f"appsmith-proxy: a defect of the proxy: {describe(error)}", file=sys.stderr)
        return FAILED
    return code


def run_async(work: Awaitable[int]) -> int:
    """Run a coroutine on the fastest loop there is: uvloop where it is installed (Linux and macOS)."""

    async def whole() -> int:
        return await work

    if sys.platform == "win32":
        return asyncio.run(whole())
    import uvloop  # noqa: PLC0415  # reason: not installed on Windows

    return uvloop.run(whole())


# what each command does; the big rooms are imported by the commands that need them, so that the others answer at once


def _serve(arguments: argparse.Namespace) -> int:
    from appsmith_proxy.runtime import Runtime  # noqa: PLC0415  # reason: a big room
    from appsmith_proxy.server import serve  # noqa: PLC0415

    async def work() -> int:
        registry = Registry.discover()
        settings = _settings(arguments, registry)
        logs.set_up(settings.log_level, requests=settings.log_requests)
        async with await Runtime.open(settings, registry=registry) as runtime:
            await serve(runtime)
        return OK

    return run_async(work())


def _demo(arguments: argparse.Namespace) -> int:
    from appsmith_proxy.demo.run import DemoOptions, run_demo  # noqa: PLC0415  # reason: a big room

    options = DemoOptions(
        folder=arguments.folder, port=arguments.port, once=arguments.once, databases=arguments.databases
    )
    return run_async(run_demo(options))


def _keys_init(arguments: argparse.Namespace) -> int:
    for line in keys.init(arguments.folder):
        print(line)
    return OK


def _keys_rotate(arguments: argparse.Namespace) -> int:
    return _with_runtime(arguments, lambda runtime: keys.rotate_and_report(runtime.keyring, print))


def _keys_change_password(arguments: argparse.Namespace) -> int:
    new_password, new_salt = keys.read_new(arguments.new_password_file, arguments.new_salt_file)
    return _with_runtime(
        arguments,
        lambda runtime: keys.change_and_report(runtime.keyring, new_password, new_salt, print),
    )


def _tokens_create(arguments: argparse.Namespace) -> int:
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

    return _with_runtime(arguments, work)


def _tokens_list(arguments: argparse.Namespace) -> int:
    async def work(runtime: "Runtime") -> None:
        tokens = await runtime.tokens.list()
        if arguments.json:
            print(json.dumps([_token_json(token) for token in tokens], indent=2))
            return
        print(_LIST_ROW.format("id", "role", "workspace", "until (UTC)", "who"))
        for token in tokens:
            print(_token_row(token))

    return _with_runtime(arguments, work)


def _tokens_revoke(arguments: argparse.Namespace) -> int:
    async def work(runtime: "Runtime") -> None:
        await runtime.tokens.revoke(arguments.id)
        print(f"revoked {arguments.id}; every process refuses it within a second")

    return _with_runtime(arguments, work)


def _store_copy(arguments: argparse.Namespace) -> int:
    async def work() -> int:
        await copy_between(
            _store_url("--from", arguments.source), target := _store_url("--to", arguments.target), print
        )
        print(f"copied. Now set APPSMITH_DB_URL to this URL of {target.shown} and start every server,")
        print("with the same encryption password and salt; then put the old store away as you would a backup")
        return OK

    return run_async(work())


def _plans_check(arguments: argparse.Namespace) -> int:
    from appsmith_proxy.catalog.plans import check_and_report  # noqa: PLC0415  # reason: a big room

    well: list[bool] = []

    async def work(runtime: "Runtime") -> None:
        said = await check_and_report(runtime.catalog.plans, arguments.workspace, lambda line: print(_shown(line)))
        well.append(said)

    _with_runtime(arguments, work)
    return OK if all(well) else FAILED


def _plugins(arguments: argparse.Namespace) -> int:
    entries = Registry.discover().report()
    for entry in entries:
        kinds = ", ".join(entry.kinds) or "-"
        print(f"{entry.name:<12}  {entry.status:<12}  {kinds:<12}  {entry.version or '-':<8}  {entry.reason}")
    return OK


def _show_settings(arguments: argparse.Namespace) -> int:
    print(settings_table())
    return OK


_LIST_ROW: Final = "{:<24}  {:<13}  {:<24}  {:<16}  {}"


def _token_row(token: Token) -> str:
    until = "expired" if _is_over(token) else f"{token.expires_at:%Y-%m-%d %H:%M}"
    who = token.user.email or token.user.id or token.user.name or "-"
    return _LIST_ROW.format(token.id, token.role, token.workspace_id or "every", until, _shown(who))


def _shown(text: str) -> str:
    """Return what somebody else wrote as it was, but never as commands to the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _token_json(token: Token) -> dict[str, object]:
    return {
        "id": token.id,
        "role": token.role.value,
        "workspaceId": token.workspace_id,
        "user": {"id": token.user.id, "email": token.user.email, "name": token.user.name, "groups": token.user.groups},
        "createdAt": token.created_at.isoformat(timespec="seconds"),
        "expiresAt": token.expires_at.isoformat(timespec="seconds"),
        "expired": _is_over(token),
    }


def _is_over(token: Token) -> bool:
    return token.expires_at <= datetime.now(UTC)


def _databases(text: str) -> tuple[str, ...]:
    from appsmith_proxy.demo.databases import DATABASES  # noqa: PLC0415  # reason: a big room

    names = tuple(dict.fromkeys(text.split(",")))
    if not all(name in DATABASES for name in names):
        raise argparse.ArgumentTypeError(f"must be some of {','.join(DATABASES)}, with commas between them")
    return names


def _store_url(flag: str, given: str) -> StoreUrl:
    """Return where a store is; ``@FILE`` names the file that holds the URL."""
    try:
        return parse_store_url(read_private(Path(given[1:])) if given.startswith("@") else given)
    except BadUrl as bad:
        raise ConfigurationError(f"{flag} {bad.reason}") from None


def _port(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or int(text) > 65_535:
        raise argparse.ArgumentTypeError("must be a port from 0 to 65535")
    return int(text)


# the table of commands

Arguments = tuple[tuple[str, dict[str, Any]], ...]
Command = tuple[str, str, Callable[[argparse.Namespace], int], Arguments]

_CONFIG: Final[Arguments] = (
    ("--config", {"type": Path, "help": "a TOML file of settings; the environment goes before it"}),
)

_STORE_URL: Final = (
    "as APPSMITH_DB_URL; @FILE reads it from a file (0600), so that a password is in no list of processes"
)

COMMANDS: Final[tuple[Command, ...]] = (
    ("serve", "serve the JSON API", _serve, _CONFIG),
    (
        "demo",
        "serve a sample shop on loopback, with tokens and lines to paste",
        _demo,
        (
            ("--once", {"action": "store_true", "help": "execute every sample in both wire forms, and exit"}),
            (
                "--folder",
                {"type": Path, "help": "where it keeps everything (.demo; with --once a temporary folder)"},
            ),
            ("--port", {"type": _port, "help": "on 127.0.0.1 (8080; with --once a free one)"}),
            (
                "--with",
                {
                    "dest": "databases",
                    "type": _databases,
                    "default": (),
                    "metavar": "NAME,NAME",
                    "help": "throwaway servers to add, where their programs are: postgres,mysql,mongodb",
                },
            ),
        ),
    ),
    (
        "keys init",
        "make the encryption password and salt",
        _keys_init,
        (("--folder", {"type": Path, "help": "write two files (0600) there instead of printing"}),),
    ),
    ("keys rotate", "re-encrypt every secret under a new data key; may be repeated", _keys_rotate, _CONFIG),
    (
        "keys change-password",
        "wrap the key ring under a new password and salt",
        _keys_change_password,
        (
            *_CONFIG,
            ("--new-password-file", {"type": Path, "required": True, "help": "0600, as keys init writes it"}),
            ("--new-salt-file", {"type": Path, "required": True, "help": "0600, as keys init writes it"}),
        ),
    ),
    (
        "tokens create",
        "make an API token and print it once",
        _tokens_create,
        (
            *_CONFIG,
            ("--role", {"choices": [role.value for role in Role], "required": True, "help": "what it may do"}),
            ("--workspace", {"help": "id of the one workspace it is for; without it: every workspace"}),
            ("--days", {"type": float, "default": DEFAULT_DAYS, "help": f"how long it lives ({DEFAULT_DAYS})"}),
            ("--user-id", {"help": "appsmith.user.id"}),
            ("--user-email", {"help": "appsmith.user.email"}),
            ("--user-name", {"help": "appsmith.user.name"}),
            ("--user-group", {"action": "append", "default": [], "help": "appsmith.user.groups; may repeat"}),
        ),
    ),
    (
        "tokens list",
        "list the tokens, never the secrets",
        _tokens_list,
        (*_CONFIG, ("--json", {"action": "store_true", "help": "for programs: everything that is known of each"})),
    ),
    ("tokens revoke", "revoke a token", _tokens_revoke, (*_CONFIG, ("id", {"help": "as tokens list shows it"}))),
    (
        "store copy",
        "move a whole configuration into another, empty store; may be repeated",
        _store_copy,
        (
            ("--from", {"dest": "source", "metavar": "URL", "required": True, "help": _STORE_URL}),
            ("--to", {"dest": "target", "metavar": "URL", "required": True, "help": _STORE_URL}),
        ),
    ),
    (
        "plans check",
        "ask the datasources whether every published plan still holds; 1 when not",
        _plans_check,
        (*_CONFIG, ("--workspace", {"help": "id of the one to look at; without it: every workspace"})),
    ),
    ("plugins", "list the drivers found, and why some cannot be used", _plugins, ()),
    ("settings", "print every setting", _show_settings, ()),
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="appsmith-proxy", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    groups: dict[str, Any] = {}
    for name, help_text, run, arguments in COMMANDS:
        group, _, verb = name.partition(" ")
        if not verb:
            command = commands.add_parser(group, help=help_text, description=help_text)
        else:
            if group not in groups:
                outer = commands.add_parser(group, help=f"{group}: see appsmith-proxy {group} --help")
                groups[group] = outer.add_subparsers(required=True, metavar="COMMAND")
            command = groups[group].add_parser(verb, help=help_text, description=help_text)
        for flag, options in arguments:
            command.add_argument(flag, **options)
        command.set_defaults(run=run)
    return parser


def _settings(arguments: argparse.Namespace, registry: Registry) -> Settings:
    return load(os.environ, arguments.config, registry.drivers())


def _with_runtime(arguments: argparse.Namespace, work: "Callable[[Runtime], Awaitable[None]]") -> int:
    from appsmith_proxy.runtime import Runtime  # noqa: PLC0415  # reason: a big room

    async def whole() -> int:
        registry = Registry.discover()
        async with await Runtime.open(_settings(arguments, registry), registry=registry) as runtime:
            await work(runtime)
        return OK

    return run_async(whole())


def _complain(error: ProxyError) -> None:
    print(f"appsmith-proxy: {error.message}", file=sys.stderr)
    for problem in error.details:
        where = f"{problem.path}: " if problem.path else ""
        hint = f" ({problem.hint})" if problem.hint else ""
        print(f"  - {where}{problem.message}{hint}", file=sys.stderr)
    if error.hint:
        print(f"  {error.hint}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
