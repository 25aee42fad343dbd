"""Reading what is long, or hostile, takes time that grows with its length and nothing else; and no comment hides a call."""

from collections.abc import Callable
from typing import Final

import pytest

from appsmith_proxy.errors import ParameterInvalid
from appsmith_proxy.sdk import Parameter, ParameterType
from appsmith_proxy_mysql.encode import bind, writers_of
from appsmith_proxy_mysql.facts import read_text
from appsmith_proxy_mysql.words import may_leave_read_only

LONG: Final = 200_000


def _refused(text: str) -> None:
    with pytest.raises(ParameterInvalid):
        bind([text], writers_of((Parameter(name="x", type=ParameterType.DECIMAL),)))


@pytest.mark.parametrize(
    "work",
    [
        lambda: may_leave_read_only(f"SELECT '{'into ' * LONG}'"),
        lambda: read_text(f"SELECT {'a$' * LONG}"),
        lambda: read_text(f"SELECT a{' ' * LONG}"),
        lambda: read_text(f"SELECT a{'/**/' * LONG}"),
        lambda: read_text("SELECT 1 " + "/* a " * LONG),
        lambda: read_text("SELECT 1 " + "# a " * LONG),
        lambda: _refused("1" * LONG + "x"),
        lambda: _refused(" " * LONG + "x"),
    ],
)
def test_long_texts_are_read_once(work: Callable[[], object]) -> None:
    work()  # by the square of its length each would take from minutes to hours


@pytest.mark.parametrize(
    "text",
    [
        "SELECT get_lock('x', 0)",
        "SELECT get_lock /* a / b * c */ ('x', 0)",
        "SELECT get_lock /**/('x', 0)",
        "SELECT get_lock -- x\n('x', 0)",
        "SELECT get_lock # x\n ('x', 0)",
        "SELECT 'count /*', get_lock('x', 0), '*/ ('",
        "SELECT 'count', get_lock('x', 0)",
    ],
)
def test_no_comment_hides_what_is_called(text: str) -> None:
    assert read_text(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "SELECT count(*) FROM orders -- all\nWHERE id IN (?)",
        "SELECT /* these */ count (*) FROM orders",
        "INSERT INTO orders (id) VALUES (?)",
        "INSERT INTO `orders` (id) VALUES (?) # one",
    ],
)
def test_other_comments_change_nothing(text: str) -> None:
    assert read_text(text) is not None
