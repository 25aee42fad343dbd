"""The injection corpus through every binding context of the MongoDB driver."""

import pytest

from appsmith_proxy.testing import InjectionHarness, InjectionSuite
from tests.corpus.mongodb import MongodbInjection
from tests.servers.mongod import MongodServer


class TestMongodbInjection(InjectionSuite):
    harness_type = MongodbInjection

    @pytest.fixture
    def harness(self, mongod: MongodServer) -> InjectionHarness:
        harness = MongodbInjection()
        harness.server = mongod
        return harness
