"""The table of commands: name, help, what it does, arguments; and the parser that is made from it."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from appsmith_proxy import __version__
from appsmith_proxy.access.tokens import DEFAULT_DAYS
from appsmith_proxy.cli import commands, values
from appsmith_proxy.model.principal import Role

Arguments = tuple[tuple[str, dict[str, Any]], ...]
Command = tuple[str, str, Callable[[argparse.Namespace], int], Arguments]

_CONFIG: Final[Arguments] = (
    ("--config", {"type": Path, "help": "a TOML file of settings; the environment goes before it"}),
)

_STORE_URL: Final = (
    "as APPSMITH_DB_URL; @FILE reads it from a file (0600), so that a password is in no list of processes"
)

COMMANDS: Final[tuple[Command, ...]] = (
    ("serve", "serve the JSON API", commands.serve, _CONFIG),
    (
        "demo",
        "serve a sample shop on loopback, with tokens and lines to paste",
        commands.demo,
        (
            ("--once", {"action": "store_true", "help": "execute every sample in both wire forms, and exit"}),
            (
                "--folder",
                {"type": Path, "help": "where it keeps everything (.demo; with --once a temporary folder)"},
            ),
            ("--port", {"type": values.port, "help": "on 127.0.0.1 (8080; with --once a free one)"}),
            (
                "--with",
                {
                    "dest": "databases",
                    "type": values.databases,
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
        commands.keys_init,
        (("--folder", {"type": Path, "help": "write two files (0600) there instead of printing"}),),
    ),
    ("keys rotate", "re-encrypt every secret under a new data key; may be repeated", commands.keys_rotate, _CONFIG),
    (
        "keys change-password",
        "wrap the key ring under a new password and salt",
        commands.keys_change_password,
        (
            *_CONFIG,
            ("--new-password-file", {"type": Path, "required": True, "help": "0600, as keys init writes it"}),
            ("--new-salt-file", {"type": Path, "required": True, "help": "0600, as keys init writes it"}),
        ),
    ),
    (
        "tokens create",
        "make an API token and print it once",
        commands.tokens_create,
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
        commands.tokens_list,
        (*_CONFIG, ("--json", {"action": "store_true", "help": "for programs: everything that is known of each"})),
    ),
    (
        "tokens revoke",
        "revoke a token",
        commands.tokens_revoke,
        (*_CONFIG, ("id", {"help": "as tokens list shows it"})),
    ),
    (
        "store copy",
        "move a whole configuration into another, empty store; may be repeated",
        commands.store_copy,
        (
            ("--from", {"dest": "source", "metavar": "URL", "required": True, "help": _STORE_URL}),
            ("--to", {"dest": "target", "metavar": "URL", "required": True, "help": _STORE_URL}),
        ),
    ),
    (
        "plans check",
        "ask the datasources whether every published plan still holds; 1 when not",
        commands.plans_check,
        (*_CONFIG, ("--workspace", {"help": "id of the one to look at; without it: every workspace"})),
    ),
    ("plugins", "list the drivers found, and why some cannot be used", commands.plugins, ()),
    ("settings", "print every setting", commands.show_settings, ()),
)


def command_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole table; what it parses has ``run``, the command to call with it."""
    parser = argparse.ArgumentParser(
        prog="appsmith-proxy",
        description="Serve stored actions to browsers, and look after keys, tokens and the store.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    top = parser.add_subparsers(required=True, metavar="COMMAND")
    groups: dict[str, Any] = {}
    for name, help_text, run, arguments in COMMANDS:
        group, _, verb = name.partition(" ")
        if not verb:
            command = top.add_parser(group, help=help_text, description=help_text)
        else:
            if group not in groups:
                outer = top.add_parser(group, help=f"{group}: see appsmith-proxy {group} --help")
                groups[group] = outer.add_subparsers(required=True, metavar="COMMAND")
            command = groups[group].add_parser(verb, help=help_text, description=help_text)
        for flag, options in arguments:
            command.add_argument(flag, **options)
        command.set_defaults(run=run)
    return parser
