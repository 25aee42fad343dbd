"""The injection corpus through every binding context of the REST driver."""

from appsmith_proxy.testing import InjectionSuite
from tests.corpus.rest import RestInjection


class TestRestInjection(InjectionSuite):
    harness_type = RestInjection
