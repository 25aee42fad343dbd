"""The contract suite: a driver is what it says it is, and only the errors of the contract leave it."""

import re
import traceback
from collections.abc import Mapping
from typing import Final

import pytest

from appsmith_proxy.sdk import (
    API_VERSION,
    PROTOCOLS,
    Capability,
    DatasourceError,
    Document,
    Driver,
    EncodedRows,
    FieldType,
    Health,
    HttpRequest,
    Outcome,
    ParameterInvalid,
    Payload,
    Place,
    Statement,
)
from appsmith_proxy.testing.harness import PARTS, PROOF, Call, Harness, Part
from appsmith_proxy.testing.rig import Rig
from appsmith_proxy.testing.suite import ABSENT_KEY, Suite, needs

_REASON_LENGTH: Final = 15
"""Characters under which a reason is no reason."""

_FOREIGN: Final[Mapping[Payload, Call]] = {
    Payload.STATEMENT: Call(payload=Document(fields={"kit": "kit"})),
    Payload.HTTP: Call(payload=Statement(text="SELECT 1")),
    Payload.DOCUMENT: Call(payload=HttpRequest(method="GET")),
}
"""A payload of another family for each family."""


class ContractSuite(Suite):
    """Identity, capabilities both ways, and errors."""

    def test_contract_identity(self, harness: Harness) -> None:
        driver = harness.driver()
        assert isinstance(driver, Driver)
        assert re.fullmatch(r"[a-z][a-z0-9_]*", driver.kind), "kind is a lower-case identifier"
        assert driver.title.strip() == driver.title != "", "title is for people"
        assert driver.api_version == API_VERSION, f"this kit tests contract version {API_VERSION}"
        assert isinstance(driver.capabilities, frozenset)
        assert all(isinstance(capability, Capability) for capability in driver.capabilities)

    def test_contract_payload_and_dialect_agree(self, harness: Harness) -> None:
        driver = harness.driver()
        sql = [row for row in driver.actions if row.place is Place.SQL and row.type is not FieldType.STEPS]
        assert driver.actions, "an action needs at least one field"
        if driver.payload is Payload.STATEMENT:
            assert driver.dialect is not None, "a SQL driver names its dialect"
            assert len(sql) == 1, "a SQL driver's action has exactly one field with place sql"
        else:
            assert driver.dialect is None, "only SQL drivers have a dialect"
            assert not sql, "only SQL drivers have a field with place sql"
        if any(row.type is FieldType.STEPS for row in driver.actions):
            assert Capability.TRANSACTIONS in driver.capabilities, "steps run in one transaction: it must offer some"

    def test_contract_harness_is_whole(self, harness: Harness, request: pytest.FixtureRequest) -> None:
        """Each part is offered or declared absent with a reason, and never both."""
        for part, reason in harness.absent.items():
            request.node.user_properties.append((ABSENT_KEY, [harness.driver_type.kind, part.value, reason]))
        for part, methods in PARTS.items():
            offered = [name for name in methods if getattr(type(harness), name) is not getattr(Harness, name)]
            if part in harness.absent:
                assert not offered, f"{part} is declared absent, but the harness has {', '.join(offered)}"
                assert len(harness.absent[part]) >= _REASON_LENGTH, f"{part} is absent: say why"
            else:
                missing = sorted(set(methods) - set(offered))
                assert not missing, f"write {', '.join(missing)}, or declare {part} absent and say why"

    def test_contract_capabilities_can_be_proven(self, harness: Harness) -> None:
        for capability in harness.driver_type.capabilities:
            unproven = PROOF.get(capability, frozenset()) & harness.absent.keys()
            assert not unproven, (
                f"{capability} is declared, and cannot be tested without: {', '.join(sorted(unproven))}"
            )

    async def test_contract_protocols_match_capabilities(self, rig: Rig) -> None:
        client = await rig.open()
        for capability, protocol in PROTOCOLS.items():
            declared = capability in rig.driver.capabilities
            offered = isinstance(client, protocol)
            assert not (declared and not offered), (
                f"{capability} is declared, but the client has no {protocol.__name__}"
            )
            assert not (offered and not declared), (
                f"the client has {protocol.__name__}, but does not declare {capability}"
            )

    async def test_contract_undeclared_encoding_is_not_used(self, rig: Rig) -> None:
        client = await rig.open()
        call = rig.harness.echo("plain", place=rig.harness.echo_places[0])
        encoded = isinstance((await rig.execute(client, call)).rows, EncodedRows)
        assert not encoded or Capability.ENCODED_ROWS in rig.driver.capabilities
        plain = await rig.execute(client, call, encode=False)
        assert not isinstance(plain.rows, EncodedRows), "encode=False asks for rows that are not encoded"

    async def test_contract_check_answers(self, rig: Rig) -> None:
        client = await rig.open()
        assert isinstance(await client.check(), Health)

    async def test_contract_foreign_payload_is_refused(self, rig: Rig) -> None:
        client = await rig.open()
        error = await rig.error(client, _FOREIGN[rig.driver.payload])
        assert error.outcome is Outcome.NOT_SENT

    @needs(Part.REFUSED)
    async def test_contract_refusals_are_datasource_errors(self, rig: Rig) -> None:
        client = await rig.open()
        error = await rig.error(client, rig.harness.refused())
        assert type(error) is not DatasourceError, "raise the error of the table that says what happened"
        assert error.outcome is not Outcome.UNKNOWN, "a refused statement has had no effect: say so"
        assert "kit_marker" not in shown(error), "message and hint go to every caller: they never quote a statement"
        await rig.works(client)

    @needs(Part.MISFIT)
    async def test_contract_misfits_name_their_parameter(self, rig: Rig) -> None:
        client = await rig.open()
        call, index = rig.harness.misfit()
        error = await rig.error(client, call)
        assert isinstance(error, ParameterInvalid)
        assert error.parameter == index, "parameter is the index of the value that does not fit"
        assert error.expected, "expected names the type that the value should have had"
        assert "kit_marker" not in shown(error), "message and hint never quote a value"
        await rig.works(client)


def shown(error: DatasourceError) -> str:
    """Return everything of an error that may reach somebody who is not an editor."""
    problems = " ".join(f"{problem.path} {problem.message} {problem.hint}" for problem in error.details)
    return f"{error} {error.hint} {error.expected} {problems}"


def everything(error: BaseException) -> str:
    """Return everything that an error could ever show: its attributes and its traceback with all causes."""
    return f"{vars(error)} {''.join(traceback.format_exception(error))}"
