"""The injection corpus through every binding context of the SQLite driver."""

from typing import Final

import pytest

from appsmith_proxy.testing import BindingContext, InjectionHarness, InjectionSuite
from tests.corpus.sqlite import SqliteInjection
from tests.corpus.sqlite_log import Connections, shape

_UNHEARD: Final = frozenset({"quoted", "inside", "declared", "like", "like_wildcards", "json"})
"""Contexts whose statements are like others': SQLite writes every value out for its trace, which takes as long as the rest."""


@pytest.fixture(scope="session")
def connections() -> Connections:
    """Knows of the connections to SQLite that the process makes."""
    return Connections()


class TestSqliteInjection(InjectionSuite):
    harness_type = SqliteInjection

    @pytest.fixture
    def harness(self, connections: Connections, context: BindingContext) -> InjectionHarness:
        harness = SqliteInjection()
        harness.connections = None if context.name in _UNHEARD else connections
        return harness


@pytest.mark.parametrize(
    ("ran", "planned"),
    [
        ("SELECT 'it''s', 12, -0.5, 1e+300, NULL, x'00ff'", "SELECT ?1, ?2, ?3, ?4, ?5, ?6"),
        ("SELECT c1 FROM t2 WHERE a=-3", "SELECT c1 FROM t2 WHERE a=?1"),
    ],
)
def test_a_statement_has_the_shape_of_its_plan(ran: str, planned: str) -> None:
    assert shape(ran) == shape(planned)


def test_a_value_that_became_more_has_another_shape() -> None:
    assert shape("SELECT 'a' OR '1'='1'") != shape("SELECT ?1")
    assert shape("SELECT 'a' --'") != shape("SELECT ?1")
