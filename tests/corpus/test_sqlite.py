"""The injection corpus through every binding context of the SQLite driver."""

from appsmith_proxy.testing import InjectionSuite
from tests.corpus.sqlite import SqliteInjection


class TestSqliteInjection(InjectionSuite):
    harness_type = SqliteInjection
