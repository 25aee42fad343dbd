"""The compiler reads MySQL's quotes and comments as MariaDB does: every short text is tried at both."""

import contextlib
import itertools
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import pymysql
import pytest

from appsmith_proxy.template.lexer import Kind, lex, significant
from appsmith_proxy_mysql.dialect import MYSQL
from appsmith_proxy_mysql.pins import SQL_MODE
from tests.servers.mariadb import MariadbServer, Session

NAMED: Final = {"n": "\n", "0": "\0"}


@pytest.fixture
async def session(mariadb: MariadbServer) -> AsyncIterator[Session]:
    """A session that reads texts as the driver's do."""
    async with mariadb.session() as session:
        await session.execute(f"SET sql_mode = '{SQL_MODE}'")
        yield session


def texts(alphabet: str, length: int) -> Iterator[str]:
    """Every text of up to so many characters."""
    for size in range(1, length + 1):
        yield from map("".join, itertools.product(alphabet, repeat=size))


async def answer(session: Session, text: str) -> list[tuple[Any, ...]] | None:
    """What the server answers; None: it refuses the text."""
    with contextlib.suppress(pymysql.err.Error):
        return await session.rows(text)
    return None


def content(literal: str) -> str:
    """What a literal says: doubled quotes and backslashes undone."""
    quote = literal[0]
    return re.sub(
        rf"{quote}{quote}|\\(.)",
        lambda match: NAMED.get(match[1], match[1]) if match[1] else quote,
        literal[1:-1],
        flags=re.DOTALL,
    )


async def test_where_a_text_ends(session: Session) -> None:
    whole = broken = 0
    for text in (quote + rest for quote in "'\"" for rest in texts("'\"\\an", 4)):
        kinds = [lexeme.kind for lexeme in lex(text, (), MYSQL)]
        if kinds == [Kind.LITERAL]:
            whole += 1
            assert await answer(session, f"SELECT {text}") == [(content(text),)], text
        elif Kind.BROKEN in kinds:
            broken += 1
            assert await answer(session, f"SELECT {text}") is None, text
    assert (whole > 100, broken > 300) == (True, True)


async def test_where_a_name_ends(session: Session) -> None:
    for text in ("`" + rest for rest in texts("`'a\\", 4)):
        kinds = [lexeme.kind for lexeme in lex(text, (), MYSQL)]
        if kinds == [Kind.NAME]:
            name = text[1:-1].replace("``", "`")
            assert await answer(session, f"SELECT {text} FROM (SELECT 5 AS {text}) AS t") == [(5,)], name
        elif Kind.BROKEN in kinds:
            assert await answer(session, f"SELECT 5 AS {text}") is None, text


@pytest.mark.filterwarnings("ignore:Division by 0")
async def test_what_is_a_comment(session: Session) -> None:
    """A text means the same with its comments taken out. What would be run, or read in two ways, is refused before."""
    tried = 0
    for text in texts("-#/*!+ \n", 4):
        lexemes = lex(f"SELECT 7 {text}\n + 1", (), MYSQL)
        comments = [lexeme for lexeme in lexemes if lexeme.kind is Kind.COMMENT]
        if not comments or any(lexeme.kind is Kind.BROKEN for lexeme in lexemes):
            continue
        tried += 1
        plain = " ".join(lexeme.text for lexeme in significant(lexemes))
        assert await answer(session, f"SELECT 7 {text}\n + 1") == await answer(session, plain), text
    assert tried > 500


@pytest.mark.parametrize("text", ["/*!1+1*/", "/*M!1+1*/", "/*!50000 1+1*/", "/*+ MAX_EXECUTION_TIME(1) */"])
def test_what_a_server_runs_is_no_comment(text: str) -> None:
    assert [lexeme.kind for lexeme in lex(text, (), MYSQL)] == [Kind.BROKEN]
