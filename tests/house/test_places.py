"""Things that one room does and no other, and things that nobody does: imports, calls, words.

Each rule is a row: what, where it may stand, why. The second half plants a violation of every row in a tree of its own
and expects it to be found.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

import pytest

from tests.house.source import Module, dotted, imported, modules

Find = Callable[[Module], Iterator[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Where something may stand."""

    name: str
    find: Find
    places: tuple[str, ...]
    """Patterns of paths; none: nowhere."""
    why: str
    sample: str
    """A violation, for the test of the rule itself."""
    room: str = "*"
    """The rule is about these paths only."""


def importing(*names: str) -> Find:
    """Find imports of modules or names, and of what lies below them."""

    def find(module: Module) -> Iterator[int]:
        for full, line in imported(module.tree):
            if any(full == name or full.startswith(f"{name}.") for name in names):
                yield line

    return find


def calling(*endings: str) -> Find:
    """Find calls by dotted name: ``a.b`` is exactly that, ``.b`` is ``b`` and everything that ends with ``.b``."""

    def find(module: Module) -> Iterator[int]:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call):
                name = dotted(node.func)
                if any(f".{name}".endswith(ending) if ending[0] == "." else name == ending for ending in endings):
                    yield node.lineno

    return find


def naming(*names: str) -> Find:
    """Find dotted names, called or not."""

    def find(module: Module) -> Iterator[int]:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute | ast.Name) and dotted(node) in names:
                yield node.lineno

    return find


def showing_exceptions(module: Module) -> Iterator[int]:
    """Find ``str(error)``, ``repr(error)``, ``{error}`` and ``error.args`` of a caught exception."""
    for handler in ast.walk(module.tree):
        if not isinstance(handler, ast.ExceptHandler) or handler.name is None:
            continue
        for node in ast.walk(handler):
            match node:
                case ast.Call(func=ast.Name(id="str" | "repr"), args=[ast.Name(id=handler.name), *_]):
                    yield node.lineno
                case ast.FormattedValue(value=ast.Name(id=handler.name)):
                    yield node.lineno
                case ast.Attribute(attr="args", value=ast.Name(id=handler.name)):
                    yield node.lineno


def logging_tracebacks(module: Module) -> Iterator[int]:
    """Find log calls that print an exception's own text."""
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        logs = name.rpartition(".")[0].lower().rpartition(".")[2].strip("_") in ("log", "logger", "logging")
        if (logs and name.endswith(".exception")) or any(keyword.arg == "exc_info" for keyword in node.keywords):
            yield node.lineno


RULES: Final = (
    Rule(
        name="ciphers",
        find=importing("cryptography.hazmat.primitives.ciphers", "cryptography.fernet", "Crypto", "nacl"),
        places=("appsmith_proxy/vault/*.py",),
        why="secrets are sealed in one room",
        sample="from cryptography.hazmat.primitives.ciphers.aead import AESGCM",
    ),
    Rule(
        name="cryptography",
        find=importing("cryptography"),
        places=("appsmith_proxy/vault/*.py", "appsmith_proxy/gateway/network*.py"),
        why="ciphers are the vault's, certificates the network's",
        sample="from cryptography import x509",
    ),
    Rule(
        name="argon2",
        find=importing("argon2"),
        places=("appsmith_proxy/vault/*.py",),
        why="keys are derived in one room",
        sample="import argon2",
    ),
    Rule(
        name="motor",
        find=importing("motor", "pymongo", "bson"),
        places=("appsmith_proxy/store/mongodb*.py", "plugins/appsmith_proxy_mongodb/*.py"),
        why="each library has one room that knows it",
        sample="import motor.motor_asyncio",
    ),
    Rule(
        name="aiosqlite",
        find=importing("aiosqlite"),
        places=("appsmith_proxy/store/sqlite*.py", "plugins/appsmith_proxy_sqlite/*.py"),
        why="each library has one room that knows it",
        sample="import aiosqlite",
    ),
    Rule(
        name="sqlite3",
        find=importing("sqlite3"),
        places=(
            "appsmith_proxy/store/sqlite*.py",
            "plugins/appsmith_proxy_sqlite/*.py",
            "appsmith_proxy/testing/memory*.py",
            "appsmith_proxy/demo/*.py",
        ),
        why="each library has one room that knows it",
        sample="import sqlite3",
    ),
    Rule(
        name="asyncpg",
        find=importing("asyncpg"),
        places=("plugins/appsmith_proxy_postgres/*.py",),
        why="each library has one room that knows it",
        sample="import asyncpg",
    ),
    Rule(
        name="aiomysql",
        find=importing("aiomysql", "pymysql"),
        places=("plugins/appsmith_proxy_mysql/*.py",),
        why="each library has one room that knows it",
        sample="import aiomysql",
    ),
    Rule(
        name="pluggy",
        find=importing("pluggy"),
        places=("appsmith_proxy/registry/*.py", "appsmith_proxy/sdk/hooks.py"),
        why="no request passes through a hook",
        sample="from pluggy import PluginManager",
    ),
    Rule(
        name="pytest",
        find=importing("pytest", "_pytest"),
        places=("appsmith_proxy/testing/*.py",),
        why="only the kit needs it",
        sample="import pytest",
    ),
    Rule(
        name="pydantic",
        find=importing("pydantic"),
        places=("appsmith_proxy/web/*.py",),
        why="request bodies are parsed in one room",
        sample="from pydantic import BaseModel",
    ),
    Rule(
        name="sockets",
        find=importing("socket", "socketserver"),
        places=(
            "appsmith_proxy/gateway/network*.py",
            "appsmith_proxy/gateway/addresses.py",
            "appsmith_proxy/web/*.py",
            "appsmith_proxy/server.py",
            "appsmith_proxy/demo/throwaway.py",
            "appsmith_proxy/testing/*.py",
        ),
        why="the network is the only way out",
        sample="import socket",
    ),
    Rule(
        name="dialling",
        find=calling("asyncio.open_connection", ".create_connection", ".sock_connect", ".open_unix_connection"),
        places=(
            "appsmith_proxy/gateway/network*.py",
            "plugins/appsmith_proxy_mysql/login.py",
            "plugins/appsmith_proxy_postgres/login.py",
            "plugins/appsmith_proxy_rest/connection.py",
            "appsmith_proxy/testing/*.py",
        ),
        why="every address is checked before a byte is sent",
        sample="async def f(loop): await loop.create_connection(None, 'host', 1)",
    ),
    Rule(
        name="listening",
        find=calling(".create_server", "asyncio.start_server", ".start_unix_server", ".TCPSite", ".SockSite"),
        places=(
            "appsmith_proxy/gateway/network*.py",
            "appsmith_proxy/server.py",
            "appsmith_proxy/web/serving.py",
            "appsmith_proxy/demo/*.py",
            "appsmith_proxy/testing/*.py",
        ),
        why="what listens is known",
        sample="import asyncio\nasync def f(): await asyncio.start_server(None)",
    ),
    Rule(
        name="HTTP clients",
        find=calling(".ClientSession", ".TCPConnector"),
        places=("appsmith_proxy/demo/show.py",),
        why="a session follows redirects and dials by itself; the REST driver's transport does neither",
        sample="import aiohttp\nsession = aiohttp.ClientSession()",
    ),
    Rule(
        name="other HTTP clients",
        find=importing("urllib.request", "http.client", "httpx", "requests", "urllib3"),
        places=(),
        why="one transport checks addresses, redirects and sizes",
        sample="import urllib.request",
    ),
    Rule(
        name="request.post",
        find=calling(".request.post"),
        places=(),
        why="it spools parts to disk",
        sample="async def f(request): await request.post()",
    ),
    Rule(
        name="temporary files",
        find=importing("tempfile", "shelve", "dbm"),
        places=("appsmith_proxy/testing/*.py", "appsmith_proxy/gateway/network_tls.py", "appsmith_proxy/demo/*.py"),
        why="nothing that passes through is written anywhere",
        sample="import tempfile",
    ),
    Rule(
        name="print",
        find=calling("print", ".pprint"),
        places=("appsmith_proxy/cli/*.py", "appsmith_proxy/demo/*.py"),
        why="operators read the log",
        sample="print('x')",
    ),
    Rule(
        name="eval",
        find=calling("eval", "exec", "compile", "__import__", "builtins.eval", "builtins.exec"),
        places=(),
        why="no input becomes code",
        sample="eval('1')",
    ),
    Rule(
        name="unpickling",
        find=importing("pickle", "marshal", "dill", "cloudpickle", "yaml"),
        places=(),
        why="no input becomes objects",
        sample="import pickle",
    ),
    Rule(
        name="processes",
        find=importing("subprocess", "multiprocessing", "pty", "os.system", "os.popen"),
        places=("appsmith_proxy/demo/throwaway.py",),
        why="the proxy starts no process; the demo starts its throwaway servers in one place",
        sample="import subprocess",
    ),
    Rule(
        name="shell",
        find=calling("os.system", "os.popen", ".create_subprocess_exec", ".create_subprocess_shell", "os.fork"),
        places=(),
        why="the proxy starts no process",
        sample="import os\nos.system('x')",
    ),
    Rule(
        name="environment",
        find=naming("os.environ", "os.getenv", "os.environb"),
        places=("appsmith_proxy/settings/*.py", "appsmith_proxy/cli/running.py", "appsmith_proxy/demo/*.py"),
        why="settings are read in one place, and no driver sees ambient credentials",
        sample="import os\nx = os.environ['X']",
    ),
    Rule(
        name="blocking sleep",
        find=calling("time.sleep"),
        places=("appsmith_proxy/demo/throwaway.py",),
        why="it stops the event loop; a throwaway server is waited for in a thread",
        sample="import time\ntime.sleep(1)",
    ),
    Rule(
        name="random",
        find=importing("random"),
        places=("appsmith_proxy/testing/*.py", "appsmith_proxy/demo/*.py"),
        why="what must not be guessed comes from secrets",
        sample="import random",
    ),
    Rule(
        name="exceptions shown",
        find=showing_exceptions,
        places=(),
        room="appsmith_proxy/web/*",
        why="an exception's text quotes values",
        sample="try: ...\nexcept ValueError as error: answer = f'failed: {error}'",
    ),
    Rule(
        name="tracebacks logged",
        find=logging_tracebacks,
        places=("appsmith_proxy/testing/*.py",),
        why="a traceback's last line quotes values",
        sample="import logging\nlogging.getLogger().error('x', exc_info=True)",
    ),
)


def broken(rule: Rule, found: Iterator[Module] | list[Module]) -> list[str]:
    """Return the places where a rule is broken."""
    return [
        f"{module.path}:{line}"
        for module in found
        if fnmatch(module.path, rule.room) and not any(fnmatch(module.path, place) for place in rule.places)
        for line in rule.find(module)
    ]


SHIPPED: Final = tuple(modules())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_things_stand_where_they_belong(rule: Rule) -> None:
    wrong = broken(rule, list(SHIPPED))
    assert not wrong, f"{rule.name}: {rule.why}. Found at {', '.join(wrong)}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_planted_violation_is_found(rule: Rule, tmp_path: Path) -> None:
    folder = "appsmith_proxy/web" if rule.room != "*" else "appsmith_proxy/catalog"
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "planted.py").write_text(f"{rule.sample}\n")
    (tmp_path / "plugins").mkdir()
    assert broken(rule, modules(tmp_path)), "the rule would find nothing"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_no_permission_is_left_over(rule: Rule) -> None:
    """A place where the thing no longer stands is taken off the list."""
    for place in rule.places:
        assert any(fnmatch(module.path, place) for module in SHIPPED), f"{rule.name}: no file matches {place}"
