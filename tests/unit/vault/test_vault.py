"""The vault seals, unseals in the same place only, and shows nothing."""

import copy
import os
import pickle
import traceback
from collections.abc import Callable
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appsmith_proxy.errors import VaultError
from appsmith_proxy.sdk import Secret
from appsmith_proxy.vault import FLOOR, MAX_SECRET_BYTES, SealContext, Vault
from appsmith_proxy.vault.box import Altered, WrongKey, unwrap, wrap
from appsmith_proxy.vault.sealed import pad, unpad
from tests.unit.vault.sealing import CANARY, CONTEXT, OTHER_CONTEXTS, PASSWORD, SALT


def test_what_was_sealed_comes_back(vault: Vault) -> None:
    assert vault.unseal(vault.seal(CANARY, CONTEXT), CONTEXT).reveal() == CANARY


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
@settings(max_examples=60, deadline=None)
def test_any_text_comes_back(made: tuple[Vault, bytes], text: str) -> None:
    vault = made[0]
    assert vault.unseal(vault.seal(text, CONTEXT), CONTEXT).reveal() == text


@pytest.mark.parametrize("length", [0, 1, 59, 60, 61, 252, 253, 4092, 4093, 16380, 16381, MAX_SECRET_BYTES])
def test_every_length_comes_back_and_the_size_hides_it(vault: Vault, length: int) -> None:
    sealed = vault.seal("x" * length, CONTEXT)
    assert vault.unseal(sealed, CONTEXT).reveal() == "x" * length
    assert len(sealed) in {166, 358, 1126, 4198, 16486, 64614}
    assert len(sealed) <= 64 * 1024


def test_what_is_too_long_is_refused(vault: Vault) -> None:
    with pytest.raises(VaultError, match="too long"):
        vault.seal("é" * (MAX_SECRET_BYTES // 2 + 1), CONTEXT)


def test_two_seals_of_one_secret_differ_everywhere(vault: Vault) -> None:
    first, second = vault.seal(CANARY, CONTEXT), vault.seal(CANARY, CONTEXT)
    assert first[:10] == second[:10]
    assert first[10:42] != second[10:42]
    assert first[42:74] != second[42:74]
    assert first[86:] != second[86:]


@pytest.mark.parametrize("part", OTHER_CONTEXTS)
def test_it_opens_nowhere_else(vault: Vault, part: str) -> None:
    sealed = vault.seal(CANARY, CONTEXT)
    with pytest.raises(VaultError, match="another place"):
        vault.unseal(sealed, OTHER_CONTEXTS[part])


def test_every_part_of_the_context_has_its_case() -> None:
    differing = {
        field.name
        for field in fields(SealContext)
        if any(getattr(other, field.name) != getattr(CONTEXT, field.name) for other in OTHER_CONTEXTS.values())
    }
    assert differing == {field.name for field in fields(SealContext)}


def test_the_order_of_destination_fields_does_not_matter(vault: Vault) -> None:
    sealed = vault.seal(CANARY, CONTEXT)
    turned = replace(CONTEXT, destination=CONTEXT.destination[::-1])
    assert vault.unseal(sealed, turned).reveal() == CANARY


@given(left=st.tuples(*[st.text("ab", max_size=4)] * 5), right=st.tuples(*[st.text("ab", max_size=4)] * 5))
@settings(max_examples=100, deadline=None)
def test_two_contexts_never_have_the_same_bytes(left: tuple[str, ...], right: tuple[str, ...]) -> None:
    from appsmith_proxy.vault.sealed import associated_data

    def context(parts: tuple[str, ...]) -> SealContext:
        instance, kind, datasource, environment, field = parts
        return replace(
            CONTEXT,
            instance_id=instance,
            kind=kind,
            datasource_id=datasource,
            environment=environment,
            field=field,
        )

    same = associated_data(context(left), 1) == associated_data(context(right), 1)
    assert same == (left == right)


def test_any_swap_of_stored_seals_fails(vault: Vault) -> None:
    contexts = [CONTEXT, *OTHER_CONTEXTS.values()]
    sealed = [vault.seal(f"{CANARY}-{index}", context) for index, context in enumerate(contexts)]
    for here, context in enumerate(contexts):
        for there, foreign in enumerate(sealed):
            if here == there:
                continue
            with pytest.raises(VaultError):
                vault.unseal(foreign, context)


def test_any_flipped_bit_fails(vault: Vault) -> None:
    sealed = vault.seal(CANARY, CONTEXT)
    for index in range(len(sealed)):
        for bit in (1, 128):
            broken = bytearray(sealed)
            broken[index] ^= bit
            with pytest.raises(VaultError):
                vault.unseal(bytes(broken), CONTEXT)


def test_any_other_length_fails(vault: Vault) -> None:
    sealed = vault.seal(CANARY, CONTEXT)
    others = [sealed[:length] for length in range(len(sealed))] + [sealed + b"\0", sealed + sealed]
    for other in others:
        with pytest.raises(VaultError, match="no sealed secret has this length"):
            vault.unseal(other, CONTEXT)
    with pytest.raises(VaultError, match="altered"):
        vault.unseal(sealed + bytes(192), CONTEXT)  # the length of the next size


@given(
    raw=st.one_of(st.binary(max_size=300), st.binary(min_size=156, max_size=156).map(lambda b: b"ASPS\1\1\0\0\0\1" + b))
)
@settings(max_examples=300, deadline=None)
def test_the_decoder_refuses_noise(made: tuple[Vault, bytes], raw: bytes) -> None:
    with pytest.raises(VaultError):
        made[0].unseal(raw, CONTEXT)


def test_a_later_version_is_not_guessed_at(vault: Vault) -> None:
    sealed = vault.seal(CANARY, CONTEXT)
    for prefix in (b"ASPS\2\1", b"ASPS\1\2"):
        with pytest.raises(VaultError, match="does not know"):
            vault.unseal(prefix + sealed[6:], CONTEXT)


def test_another_rings_seal_does_not_open(vault: Vault) -> None:
    other, _ = Vault.create(PASSWORD, SALT, cost=FLOOR)
    with pytest.raises(VaultError):
        vault.unseal(other.seal(CANARY, CONTEXT), CONTEXT)


def test_the_key_id_is_bound_too(vault: Vault) -> None:
    sealed = vault.seal(CANARY, CONTEXT)
    vault.reload(vault.ring_with_new_key())
    with pytest.raises(VaultError, match="another place"):
        vault.unseal(sealed[:6] + (2).to_bytes(4) + sealed[10:], CONTEXT)


def test_the_commitment_is_checked_before_anything_is_decrypted() -> None:
    box = wrap(bytes(32), b"label", b"text", b"", os.urandom)
    with pytest.raises(WrongKey):
        unwrap(bytes(31) + b"\1", b"label", box, b"")
    with pytest.raises(WrongKey):
        unwrap(bytes(32), b"other label", box, b"")
    with pytest.raises(WrongKey):
        unwrap(bytes(32), b"label", box[:40] + bytes([box[40] ^ 1]) + box[41:], b"")
    with pytest.raises(Altered):
        unwrap(bytes(32), b"label", box, b"other")
    for length in range(len(box)):
        with pytest.raises((Altered, WrongKey)):
            unwrap(bytes(32), b"label", box[:length], b"")


@pytest.mark.parametrize(
    "padded",
    [
        (4).to_bytes(4) + b"text" + b"\0" * 55 + b"x",
        (61).to_bytes(4) + b"x" * 60,
        (4).to_bytes(4) + b"text" + b"\0" * 248,
        (2**32 - 1).to_bytes(4) + b"x" * 60,
        (1).to_bytes(4) + b"\xff" + b"\0" * 59,
    ],
    ids=["not zeros", "longer than it is", "wrong size", "huge", "not UTF-8"],
)
def test_padding_is_exact(padded: bytes) -> None:
    with pytest.raises(VaultError):
        unpad(padded)
    assert unpad(pad("text")) == "text"


def shown(act: Callable[[], object]) -> str:
    with pytest.raises(VaultError) as caught:
        act()
    error = caught.value
    return "".join(traceback.format_exception(error)) + repr(error) + error.hint + repr(error.__context__)


def test_errors_show_neither_secret_nor_key(vault: Vault, ring: bytes) -> None:
    sealed = vault.seal(CANARY, CONTEXT)
    texts = [
        shown(lambda: vault.unseal(sealed, OTHER_CONTEXTS["host"])),
        shown(lambda: vault.unseal(sealed[:-1], CONTEXT)),
        shown(lambda: vault.seal(CANARY + "\ud800", CONTEXT)),
        shown(lambda: vault.seal(CANARY * 10_000, CONTEXT)),
        shown(lambda: Vault.open(Secret(CANARY + "\ud800"), SALT, ring)),
        shown(lambda: Vault.open(Secret(CANARY), SALT, ring)),
        shown(lambda: Vault.open(Secret(CANARY), Secret("x"), ring)),
    ]
    assert CANARY not in "".join(texts)
    assert "db.example.com" not in "".join(texts)


def test_a_vault_shows_nothing_and_cannot_be_copied_out(vault: Vault) -> None:
    assert repr(vault) == str(vault) == "Vault(active_key=1, keys=1)"
    assert "key=" not in repr(vault._ring)
    assert "seed=" not in repr(vault._ring)
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled or copied"):
            leave(vault)
    assert not hasattr(vault, "__dict__")
