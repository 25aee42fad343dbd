"""Datasources: create, read, change, delete, test, and their structure. Secrets go in here and never come out."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, final

from appsmith_proxy.access.policy import Permission, allowed
from appsmith_proxy.catalog.configuration import Incoming, applicable, kept_secrets, take_apart
from appsmith_proxy.catalog.merge import merge_patch
from appsmith_proxy.catalog.records import Records, check_revision, missing
from appsmith_proxy.catalog.sealing import Sealing, destination_of, only_strengthens
from appsmith_proxy.catalog.views import Page, TestReport
from appsmith_proxy.errors import (
    CapabilityNotSupported,
    ExecutionTimeout,
    IncompatibleDriver,
    InvalidRequest,
    Outcome,
    Problem,
    ProxyError,
    SecretRequired,
    TlsFailed,
)
from appsmith_proxy.gateway.edge import driver_edge
from appsmith_proxy.gateway.leases import Leases
from appsmith_proxy.gateway.opening import Opening
from appsmith_proxy.model.ids import new_id
from appsmith_proxy.model.principal import Principal
from appsmith_proxy.model.records import Action, Datasource, Workspace
from appsmith_proxy.registry.registry import Registry
from appsmith_proxy.sdk import Client, Driver, Network, Secret, Structure, SupportsStructure, check_configuration
from appsmith_proxy.store.contract import Delete, Put, Require, RequireNone

TEST_SECONDS: Final = 10.0
STRUCTURE_SECONDS: Final = 20.0


@final
class Datasources:
    """The verbs of datasources."""

    def __init__(
        self,
        records: Records,
        registry: Registry,
        sealing: Sealing,
        leases: Leases,
        opening: Opening,
        network: Network,
    ) -> None:
        self._records = records
        self._registry = registry
        self._sealing = sealing
        self._leases = leases
        self._opening = opening
        self._network = network

    async def create(self, principal: Principal, values: Mapping[str, Any]) -> Datasource:
        """Create a datasource; secret fields of ``configuration`` are sealed before anything is stored.

        Raises:
            InvalidRequest: every problem of the configuration, or no driver of this kind can be used.
            NotFound: no such workspace, or not the caller's.
            NameTaken: the workspace has a datasource of that name.
        """
        workspace_id = values["workspace_id"]
        if not allowed(principal, Permission.DATASOURCE_MANAGE, workspace_id):
            raise missing(Workspace)
        driver = self._chosen(values["kind"])
        incoming = take_apart(driver.fields, values.get("configuration") or {})
        plain = _validated(driver, incoming, incoming.plain, frozenset(incoming.given))
        blank = Datasource(
            id=new_id(), workspace_id=workspace_id, name=values["name"], kind=driver.kind, configuration=plain
        )
        datasource = replace(blank, secrets=self._sealing.seal(driver, blank, incoming.given))
        await self._records.commit(Require(Workspace, workspace_id, {}), Put(datasource, expected=0))
        return await self._records.reread(Datasource, datasource.id)

    async def list(self, principal: Principal, *, where: Mapping[str, str], after: str, limit: int) -> Page[Datasource]:
        """Return datasources, as editors see them."""
        return await self._records.page(
            principal, Datasource, Permission.DATASOURCE_READ, where=where, after=after, limit=limit
        )

    async def get(self, principal: Principal, record_id: str) -> Datasource:
        """Return one datasource."""
        return await self._records.read(principal, Datasource, record_id, Permission.DATASOURCE_READ)

    async def patch(
        self, principal: Principal, record_id: str, *, revision: int, values: Mapping[str, Any]
    ) -> Datasource:
        """Change a datasource. A secret that is absent is kept, null deletes it.

        Raises:
            SecretRequired: a kept secret would be sent somewhere else; give it again.
            StaleRevision, InvalidRequest, NotFound, NameTaken: nothing was changed.
        """
        present = await self._records.read(principal, Datasource, record_id, Permission.DATASOURCE_MANAGE)
        check_revision(present, revision)
        driver = self._driver(present.kind)
        incoming = take_apart(driver.fields, values.get("configuration") or {})
        merged = merge_patch(present.configuration, incoming.plain)
        # A secret whose field no longer applies is not kept: nobody could see, use or delete it.
        kept = kept_secrets(present.secrets, incoming) & applicable(driver.fields, merged, present.secrets)
        plain = _validated(driver, incoming, merged, kept | incoming.given.keys())
        changed = replace(present, name=values.get("name", present.name), configuration=plain)
        secrets = self._kept(driver, present, changed, kept)
        secrets.update(self._sealing.seal(driver, changed, incoming.given))
        await self._records.commit(Put(replace(changed, secrets=secrets), expected=revision))
        return await self._records.reread(Datasource, record_id)

    async def delete(self, principal: Principal, record_id: str) -> None:
        """Delete a datasource that no action uses.

        Raises:
            InUse: ``details`` names the actions.
        """
        datasource = await self._records.read(principal, Datasource, record_id, Permission.DATASOURCE_MANAGE)
        await self._records.commit(
            RequireNone(Action, {"datasource_id": datasource.id}),
            Delete(Datasource, datasource.id, expected=datasource.revision),
        )

    async def test(self, principal: Principal, record_id: str) -> TestReport:
        """Try a stored datasource: connect, authenticate, ask it something."""
        datasource = await self._records.read(principal, Datasource, record_id, Permission.DATASOURCE_MANAGE)
        driver = self._driver(datasource.kind)
        secrets = self._sealing.unseal(driver, datasource)
        return await self._test(driver, datasource.configuration, secrets)

    async def test_new(self, principal: Principal, values: Mapping[str, Any]) -> TestReport:
        """Try a datasource that is not stored yet. Nothing of it is kept."""
        if not allowed(principal, Permission.DATASOURCE_MANAGE, values["workspace_id"]):
            raise missing(Workspace)
        driver = self._chosen(values["kind"])
        incoming = take_apart(driver.fields, values.get("configuration") or {})
        plain = _validated(driver, incoming, incoming.plain, frozenset(incoming.given))
        secrets = {name: Secret(value) for name, value in incoming.given.items()}
        return await self._test(driver, plain, secrets)

    async def structure(
        self, principal: Principal, record_id: str, *, path: tuple[str, ...], page: str | None
    ) -> Structure:
        """Describe what the datasource holds.

        Raises:
            CapabilityNotSupported: its kind cannot.
            DatasourceError: it could not be asked.
        """
        datasource = await self._records.read(principal, Datasource, record_id, Permission.DATASOURCE_READ)
        lease = await self._leases.borrow(datasource)
        try:
            client = lease.client
            if not isinstance(client, SupportsStructure):
                raise CapabilityNotSupported(f"a datasource of kind {datasource.kind} has no structure")
            async with asyncio.timeout(STRUCTURE_SECONDS):
                with driver_edge("describing", lease.secrets):
                    return await client.describe(path, page)
        except TimeoutError:
            raise ExecutionTimeout(
                f"the structure was not read within {STRUCTURE_SECONDS:g} seconds", outcome=Outcome.ROLLED_BACK
            ) from None
        finally:
            lease.release()

    def _driver(self, kind: str) -> Driver:
        return self._registry.driver(kind)

    def _chosen(self, kind: str) -> Driver:
        """Return the driver of a kind that the caller chose: one that there is not is the caller's mistake."""
        try:
            return self._driver(kind)
        except IncompatibleDriver as error:
            problem = Problem("kind", error.message, hint=error.hint)
            raise InvalidRequest("no driver of this kind can be used", details=(problem,)) from error

    def _kept(self, driver: Driver, present: Datasource, changed: Datasource, kept: frozenset[str]) -> dict[str, Any]:
        if not kept:
            return {}
        before = destination_of(driver.fields, present.configuration)
        after = destination_of(driver.fields, changed.configuration)
        if before == after:
            return {name: present.secrets[name] for name in kept}
        if only_strengthens(driver.fields, present.configuration, changed.configuration):
            return dict(self._sealing.reseal(driver, present, changed, kept))
        raise SecretRequired(
            "the change would send stored secrets somewhere else",
            hint="give these secrets again in the same request, or delete them with null",
            details=tuple(Problem(f"configuration.{name}", "must be given again") for name in sorted(kept)),
        )

    async def _test(
        self, driver: Driver, configuration: Mapping[str, Any], secrets: Mapping[str, Secret]
    ) -> TestReport:
        try:
            async with asyncio.timeout(TEST_SECONDS):
                client = await self._opening.open_driver(driver, configuration, secrets)
                return await _checked(client, secrets.values())
        except TimeoutError:
            late = ExecutionTimeout(
                f"the datasource did not answer within {TEST_SECONDS:g} seconds", outcome=Outcome.NOT_SENT
            )
            return TestReport(success=False, error=late)
        except TlsFailed as error:
            return TestReport(success=False, error=error, chain=await self._chain(driver, configuration))
        except ProxyError as error:
            return TestReport(success=False, error=error)

    async def _chain(self, driver: Driver, configuration: Mapping[str, Any]) -> tuple[str, ...]:
        endpoint = driver.tls_endpoint(configuration)
        if endpoint is None:
            return ()
        host, port, protocol = endpoint
        try:
            async with asyncio.timeout(TEST_SECONDS):
                return await self._network.presented_chain(host, port, protocol=protocol)
        except (ProxyError, TimeoutError):
            return ()


async def _checked(client: Client, secrets: Iterable[Secret]) -> TestReport:
    try:
        with driver_edge("checking", secrets):
            health = await client.check()
    finally:
        await client.close()
    return TestReport(success=True, server=health.server, warnings=health.warnings)


def _validated(
    driver: Driver, incoming: Incoming, plain: Mapping[str, Any], secrets_set: frozenset[str]
) -> dict[str, Any]:
    # The driver checks what it was given; what it will be opened with has the defaults filled in.
    normal, _ = check_configuration(driver.fields, plain, secrets_set=secrets_set)
    inapplicable = incoming.given.keys() - applicable(driver.fields, plain, incoming.given)
    problems = [
        *incoming.problems,
        *driver.validate(plain, secrets_set),
        *(
            Problem(f"configuration.{name}", "does not apply to the other fields as they are")
            for name in sorted(inapplicable)
        ),
    ]
    if problems:
        raise InvalidRequest("the configuration is not valid", details=tuple(problems))
    return normal
