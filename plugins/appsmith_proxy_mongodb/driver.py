"""The MongoDB driver: what it can do, how it is configured, and its Clients."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ClassVar

from appsmith_proxy.sdk import ActionCheck, Capability, Client, Driver, OpenContext, Payload, Problem, Secret, TlsMode
from appsmith_proxy_mongodb import command
from appsmith_proxy_mongodb.fields import ACTIONS, FIELDS, OPTIONS, READS, Configuration, problems

if find_spec("motor") is None:
    raise ModuleNotFoundError("the client library is missing", name="motor")


class MongodbDriver(Driver):
    """MongoDB 5.0 and newer."""

    kind: ClassVar = "mongodb"
    title: ClassVar = "MongoDB"
    payload: ClassVar = Payload.DOCUMENT
    capabilities: ClassVar = frozenset(
        {Capability.CANCEL, Capability.STRUCTURE, Capability.AFFECTED_LIMIT, Capability.ENCODED_ROWS}
    )
    fields: ClassVar = FIELDS
    actions: ClassVar = ACTIONS
    options: ClassVar = OPTIONS
    reads_when: ClassVar = ("operation", READS)

    def validate(self, configuration: Mapping[str, Any], secrets_set: frozenset[str]) -> list[Problem]:
        """Return every problem of a configuration, of each field and between fields."""
        found = super().validate(configuration, secrets_set)
        return found or list(problems(configuration, secrets_set))

    def check_action(self, fields: Mapping[str, Any]) -> ActionCheck:
        """Return what is refused in an action, and whether it writes: a pipeline may."""
        return command.check(fields)

    def tls_endpoint(self, configuration: Mapping[str, Any]) -> tuple[str, int, str] | None:
        """Return where TLS is spoken, unless it is switched off: at the first host."""
        plain = Configuration.read(configuration)
        first = plain.hosts[0]
        return None if plain.tls.mode is TlsMode.DISABLE else (first.host, first.port, "tls")

    async def open(
        self, configuration: Mapping[str, Any], secrets: Mapping[str, Secret], context: OpenContext
    ) -> Client:
        """Build a Client; it connects with its first execution.

        The library takes 7 MB, so it is loaded with the first datasource of this kind that is opened, once.
        """
        module = import_module("appsmith_proxy_mongodb.client")
        client: Client = module.MongodbClient(Configuration.read(configuration), secrets, context)
        return client
