"""A datasource's secrets open only where they are sent now, and follow only what strengthens."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from appsmith_proxy.catalog.sealing import Sealing, destination_of, only_strengthens
from appsmith_proxy.errors import VaultError
from appsmith_proxy.model.records import Datasource
from appsmith_proxy.sdk import Client, Driver, Field, FieldType, OpenContext, Payload, Secret
from appsmith_proxy.vault import FLOOR, Vault, key_id_of


class Sample(Driver):
    kind = "sample"
    title = "Sample"
    payload = Payload.STATEMENT
    fields = (
        Field(name="host", type=FieldType.HOST, label="Host", required=True, destination=True),
        Field(name="port", type=FieldType.PORT, label="Port", default=5432, destination=True),
        Field(name="proxy", type=FieldType.HOST, label="Proxy", destination=True),
        Field(
            name="tls",
            type=FieldType.CHOICE,
            label="TLS",
            choices=("disable", "require", "verify"),
            default="require",
            destination=True,
            ordered=True,
        ),
        Field(
            name="scheme",
            type=FieldType.CHOICE,
            label="Scheme",
            choices=("basic", "bearer"),
            default="basic",
            destination=True,
        ),
        Field(name="ca", type=FieldType.TEXT, label="CA", destination=True, shown_when=("tls", ("verify",))),
        Field(name="note", type=FieldType.TEXT, label="Note"),
        Field(name="routes", type=FieldType.MAP, label="Routes", destination=True),
        Field(name="password", type=FieldType.TEXT, label="P", secret=True, shown_when=("scheme", ("basic",))),
        Field(name="headers", type=FieldType.MAP, label="Headers", secret=True),
    )

    async def open(
        self, configuration: Mapping[str, Any], secrets: Mapping[str, Secret], context: OpenContext
    ) -> Client:
        raise NotImplementedError


DRIVER = Sample()
BASE: dict[str, Any] = {"host": "db.example.com", "port": 5432, "tls": "require"}


@pytest.fixture(scope="module")
def made() -> tuple[Vault, bytes]:
    return Vault.create(Secret("password-of-the-tests-7Q"), Secret("salt-of-the-tests-4Zk9xw"), cost=FLOOR)


@pytest.fixture
def sealing(made: tuple[Vault, bytes]) -> Sealing:
    made[0].reload(made[1])
    return Sealing(vault=made[0], instance_id="6f1e00000000000000000001")


def datasource(sealing: Sealing, configuration: Mapping[str, Any] = BASE, **secrets: str) -> Datasource:
    blank = Datasource(
        id="6f1e00000000000000000002", workspace_id="w", name="db", kind="sample", configuration=configuration
    )
    return replace(blank, secrets=sealing.seal(DRIVER, blank, secrets or {"password": "canary", "headers.X-Key": "k"}))


def opened(sealing: Sealing, record: Datasource) -> dict[str, str]:
    return {name: secret.reveal() for name, secret in sealing.unseal(DRIVER, record).items()}


def test_secrets_come_back_by_name(sealing: Sealing) -> None:
    assert opened(sealing, datasource(sealing)) == {"password": "canary", "headers.X-Key": "k"}


def test_the_destination_has_defaults_filled_in_and_no_secret() -> None:
    assert dict(destination_of(DRIVER.fields, {"host": "db"})) == {
        "host": '"db"',
        "port": "5432",
        "tls": '"require"',
        "scheme": '"basic"',
    }
    assert destination_of(DRIVER.fields, {"host": "db"}) == destination_of(DRIVER.fields, {"host": "db", "port": 5432})
    assert dict(destination_of(DRIVER.fields, {"host": "db", "routes": {"b": "1", "a": "2"}}))["routes"] == (
        '{"a":"2","b":"1"}'
    )


DESTINATION_EDITS: list[dict[str, Any]] = [
    {"host": "db.example.org"},
    {"host": "DB.example.com"},
    {"port": 5433},
    {"proxy": "proxy.example.com"},
    {"tls": "disable"},
    {"tls": "verify"},
    {"scheme": "bearer"},
    {"routes": {"a": "b"}},
]


@pytest.mark.parametrize("edit", DESTINATION_EDITS, ids=str)
def test_a_record_whose_destination_was_edited_does_not_open(sealing: Sealing, edit: dict[str, Any]) -> None:
    record = datasource(sealing)
    with pytest.raises(VaultError):
        sealing.unseal(DRIVER, replace(record, configuration=BASE | edit))


def test_every_destination_field_has_its_edit() -> None:
    named = {name for edit in DESTINATION_EDITS for name in edit} | {"ca"}
    assert named == {row.name for row in DRIVER.fields if row.destination}


@pytest.mark.parametrize("edit", [{"note": "x"}, {"name": "renamed"}], ids=str)
def test_what_is_no_destination_may_change(sealing: Sealing, edit: dict[str, Any]) -> None:
    record = datasource(sealing)
    assert opened(sealing, replace(record, configuration=BASE | edit))["password"] == "canary"


@pytest.mark.parametrize("other", [{"id": "6f1e00000000000000000003"}, {"kind": "postgres"}], ids=str)
def test_secrets_do_not_move_between_records(sealing: Sealing, other: dict[str, Any]) -> None:
    with pytest.raises(VaultError):
        sealing.unseal(DRIVER, replace(datasource(sealing), **other))
    with pytest.raises(VaultError):
        Sealing(vault=sealing.vault, instance_id="6f1e00000000000000000009").unseal(DRIVER, datasource(sealing))


def test_secrets_do_not_move_between_fields(sealing: Sealing) -> None:
    record = datasource(sealing)
    swapped = {"password": record.secrets["headers.X-Key"], "headers.X-Key": record.secrets["password"]}
    with pytest.raises(VaultError):
        sealing.unseal(DRIVER, replace(record, secrets=swapped))


def test_an_older_value_cannot_be_put_back(sealing: Sealing) -> None:
    record = datasource(sealing)
    newer = replace(record, secrets={**record.secrets, **sealing.seal(DRIVER, record, {"password": "second"})})
    assert newer.secrets["password"].generation == 2
    old_bytes = replace(newer.secrets["password"], sealed=record.secrets["password"].sealed)
    with pytest.raises(VaultError):
        sealing.unseal(DRIVER, replace(newer, secrets={"password": old_bytes}))


def test_a_secret_whose_row_does_not_apply_stays_sealed(sealing: Sealing) -> None:
    record = datasource(sealing, BASE | {"scheme": "bearer"})
    assert set(opened(sealing, record)) == {"headers.X-Key"}


@pytest.mark.parametrize(
    ("old", "new", "strengthens"),
    [
        ({}, {}, True),
        ({"tls": "disable"}, {"tls": "require"}, True),
        ({"tls": "disable"}, {"tls": "verify"}, True),
        ({}, {"tls": "verify"}, True),
        ({"tls": "verify"}, {"tls": "require"}, False),
        ({"tls": "verify"}, {}, False),
        ({}, {"tls": "nonsense"}, False),
        ({"tls": "disable"}, {"tls": "verify", "port": 5433}, False),
        ({"tls": "disable"}, {"tls": "verify", "ca": "PEM"}, False),
        ({"tls": "verify", "ca": "PEM"}, {"tls": "verify", "ca": "other"}, False),
        ({}, {"host": "db.example.org"}, False),
        ({"scheme": "basic"}, {"scheme": "bearer"}, False),
        ({}, {"proxy": "p"}, False),
        ({"note": "a"}, {"note": "b"}, True),
    ],
)
def test_only_ordered_choices_that_move_up_strengthen(
    old: dict[str, Any], new: dict[str, Any], *, strengthens: bool
) -> None:
    base = {"host": "db.example.com"}
    assert only_strengthens(DRIVER.fields, base | old, base | new) is strengthens


def test_what_strengthens_is_sealed_again(sealing: Sealing) -> None:
    record = datasource(sealing)
    stronger = replace(record, configuration=BASE | {"tls": "verify"})
    fresh = sealing.reseal(DRIVER, record, stronger, record.secrets)
    assert opened(sealing, replace(stronger, secrets=fresh)) == opened(sealing, record)
    assert {secret.generation for secret in fresh.values()} == {2}
    with pytest.raises(VaultError):
        sealing.unseal(DRIVER, replace(record, secrets=fresh))


def test_behind_names_what_is_not_under_the_active_key(sealing: Sealing) -> None:
    record = datasource(sealing)
    assert sealing.behind(record) == ()
    sealing.vault.reload(sealing.vault.ring_with_new_key())
    assert sealing.behind(record) == ("password", "headers.X-Key")
    fresh = sealing.reseal(DRIVER, record, record, sealing.behind(record))
    assert {key_id_of(secret.sealed) for secret in fresh.values()} == {2}
