"""Each broken SQL driver fails the kit exactly where it is broken, and nowhere else."""

import pytest

from tests.kit import broken_statement
from tests.kit.broken import Results, check, run, suites_of

SUITES = suites_of(broken_statement)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Run the whole file once."""
    return run(broken_statement, tmp_path_factory.mktemp("kit"))


@pytest.mark.parametrize("name", SUITES)
def test_fails_exactly_where_it_is_broken(results: Results, name: str) -> None:
    check(results, name, SUITES[name])


def test_at_least_ten_are_broken() -> None:
    assert len([name for name, suite in SUITES.items() if suite.fails]) >= 10
