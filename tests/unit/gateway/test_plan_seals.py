"""A seal is bound to everything that it must be bound to, and lives through rotations and changes of password."""

from dataclasses import fields, replace
from typing import Any

import pytest

from appsmith_proxy.errors import PlanUnverified
from appsmith_proxy.gateway.plan_seals import PlanSeals, check_plan
from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.model.plan import COMPILER_VERSION, Plan
from appsmith_proxy.model.records import Action, ActionCopy, Datasource, PlanSeal
from appsmith_proxy.sdk import ParameterType, Reported, Secret
from appsmith_proxy.template import compile_action
from appsmith_proxy.testing.memory import MemoryDriver
from appsmith_proxy.vault import FLOOR, Vault

PASSWORD, SALT = (
    Secret("an encryption password for tests 0123456789"),
    Secret("an encryption salt for tests 9876543210"),
)
INSTANCE = "1" * 24
DATASOURCE = Datasource(id="d" * 24, workspace_id="w" * 24, name="shop", kind="memory")
COPY = ActionCopy(
    datasource_id=DATASOURCE.id,
    name="one",
    configuration={"body": "SELECT id FROM t WHERE id = {{ id }}", "note": ["a", {"b": None}]},
    parameters=(DeclaredParameter(name="id", type=ParameterType.INTEGER),),
)
ACTION = Action(id="a" * 24, workspace_id="w" * 24, application_id="b" * 24, draft=COPY)
REPORTED = (Reported(statement="ab", parameter_types=("int4", None), columns=(("id", "int4"),)),)
PLAN = Plan(kind="memory", steps=(), bindings=(), parameters={}, writes=False, read_only=True, digest="cd" * 32)


@pytest.fixture(scope="module")
def vault() -> Vault:
    return Vault.create(PASSWORD, SALT, cost=FLOOR)[0]


@pytest.fixture
def seals(vault: Vault) -> PlanSeals:
    return PlanSeals(vault, INSTANCE)


@pytest.fixture
def sealed(seals: PlanSeals) -> ActionCopy:
    return seals.seal(ACTION, COPY, DATASOURCE, PLAN, REPORTED)


def test_what_was_sealed_is_verified(seals: PlanSeals, sealed: ActionCopy) -> None:
    assert seals.check(ACTION, sealed, DATASOURCE) is sealed.seal
    assert sealed.seal is not None
    assert (sealed.seal.version, sealed.seal.compiler, sealed.seal.digest) == (1, COMPILER_VERSION, PLAN.digest)


def test_what_is_older_than_what_was_seen_is_known_by_this_process_alone(
    vault: Vault, seals: PlanSeals, sealed: ActionCopy
) -> None:
    first = replace(ACTION, published=sealed)
    second = replace(ACTION, published=seals.seal(first, COPY, DATASOURCE, PLAN, REPORTED))
    assert not seals.is_older(first), "what was sealed may never have been stored"
    seals.check(second, second.published or COPY, DATASOURCE)
    assert seals.is_older(first)
    assert not seals.is_older(second)
    assert not PlanSeals(vault, INSTANCE).is_older(first)
    third = seals.seal(first, COPY, DATASOURCE, PLAN, REPORTED).seal
    assert third is not None
    assert third.version == 3, "published again it is the newest"


CHANGES: dict[str, Any] = {
    "datasource_id": "e" * 24,
    "name": "two",
    "configuration": {"body": "SELECT id FROM t WHERE id = {{ id }}", "note": ["a", {"b": False}]},
    "parameters": (DeclaredParameter(name="id", type=ParameterType.BIGINT),),
    "timeout_ms": 1,
    "read_only": False,
    "allow_ddl": True,
    "max_affected_rows": 0,
    "numbers": "number",
    "confirm_before_execute": True,
    "cancel_on_disconnect": True,
    "user_messages": {"ConstraintViolated": "x"},
    "checked": True,
}


def test_the_table_of_changes_knows_every_field() -> None:
    assert set(CHANGES) == {row.name for row in fields(ActionCopy)} - {"seal"}


@pytest.mark.parametrize("field", CHANGES)
def test_a_changed_field_is_refused(seals: PlanSeals, sealed: ActionCopy, field: str) -> None:
    with pytest.raises(PlanUnverified, match="not what was published"):
        seals.check(ACTION, replace(sealed, **{field: CHANGES[field]}), DATASOURCE)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"compiler": COMPILER_VERSION + 1},
        {"digest": "ce" * 32},
        {"reported": ()},
        {"reported": (replace(REPORTED[0], statement="ac"),)},
        {"reported": (replace(REPORTED[0], parameter_types=("int4", "int4")),)},
        {"reported": (replace(REPORTED[0], columns=(("id", "int8"),)),)},
        {"mac": b""},
        {"mac": bytes(32)},
    ],
    ids=str,
)
def test_a_changed_seal_is_refused(seals: PlanSeals, sealed: ActionCopy, change: dict[str, Any]) -> None:
    assert sealed.seal is not None
    with pytest.raises(PlanUnverified):
        seals.check(ACTION, replace(sealed, seal=replace(sealed.seal, **change)), DATASOURCE)


@pytest.mark.parametrize(
    "change", [{"id": "f" * 24}, {"workspace_id": "f" * 24}, {"application_id": "f" * 24}], ids=str
)
def test_a_copy_that_was_moved_is_refused(seals: PlanSeals, sealed: ActionCopy, change: dict[str, str]) -> None:
    with pytest.raises(PlanUnverified):
        seals.check(replace(ACTION, **change), sealed, DATASOURCE)  # type: ignore[arg-type]  # reason: one row of the table


def test_another_kind_of_datasource_is_refused(seals: PlanSeals, sealed: ActionCopy) -> None:
    with pytest.raises(PlanUnverified):
        seals.check(ACTION, sealed, replace(DATASOURCE, kind="postgres"))


def test_another_instance_refuses_even_with_the_same_keys(vault: Vault, sealed: ActionCopy) -> None:
    with pytest.raises(PlanUnverified):
        PlanSeals(vault, "2" * 24).check(ACTION, sealed, DATASOURCE)


def test_other_keys_refuse(sealed: ActionCopy) -> None:
    other, _ = Vault.create(PASSWORD, SALT, cost=FLOOR)
    with pytest.raises(PlanUnverified):
        PlanSeals(other, INSTANCE).check(ACTION, sealed, DATASOURCE)


def test_a_copy_without_a_seal_is_refused_with_advice(seals: PlanSeals) -> None:
    with pytest.raises(PlanUnverified) as refused:
        seals.check(ACTION, COPY, DATASOURCE)
    assert "publish" in refused.value.hint


def test_fields_that_are_as_by_default_are_left_out(seals: PlanSeals, sealed: ActionCopy) -> None:
    """So a field that a later release adds, with a default, breaks no seal; and what was said explicitly stays said."""
    explicit = replace(COPY, timeout_ms=10_000, user_messages={}, parameters=COPY.parameters)
    again = seals.seal(ACTION, explicit, DATASOURCE, PLAN, REPORTED)
    assert again == sealed


def test_each_publication_has_its_number(seals: PlanSeals, sealed: ActionCopy) -> None:
    again = seals.seal(replace(ACTION, published=sealed), COPY, DATASOURCE, PLAN, REPORTED)
    assert again.seal is not None
    assert sealed.seal is not None
    assert again.seal.version == 2
    assert again.seal.mac != sealed.seal.mac


def compiled() -> Plan:
    plan = compile_action(
        MemoryDriver(), {"body": COPY.configuration["body"]}, (), read_only=None, allow_ddl=False
    ).plan
    assert plan is not None
    return plan


@pytest.mark.parametrize(
    ("compiler", "digest", "runs"),
    [
        (COMPILER_VERSION, None, True),
        (COMPILER_VERSION, "00" * 32, False),
        (COMPILER_VERSION - 1, "00" * 32, True),
    ],
)
def test_what_this_compiler_makes_is_what_it_made(
    compiler: int, digest: str | None, runs: bool
) -> None:  # reason: a row of the table
    plan = compiled()
    seal = PlanSeal(version=1, compiler=compiler, digest=digest or plan.digest)
    if runs:
        check_plan(plan, seal)
        return
    with pytest.raises(PlanUnverified, match="another plan"):
        check_plan(plan, seal)
