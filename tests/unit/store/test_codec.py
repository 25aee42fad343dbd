"""Documents are read strictly, and keep their meaning."""

from dataclasses import dataclass, fields
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appsmith_proxy.errors import StoreError
from appsmith_proxy.model.records import Action, Datasource, SealedSecret, Token, Workspace
from appsmith_proxy.store.codec import VERSION, decode, encode
from appsmith_proxy.store.collections import COLLECTIONS, KINDS
from appsmith_proxy.store.contract import Kind, Record
from appsmith_proxy.store.shapes import TEXT, shape
from tests.unit.store import samples

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    # Lone surrogates are no text: the API refuses them, and so does the codec.
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab\x00ü", max_size=3), inner, max_size=3),
    max_leaves=8,
)


def every() -> list[Record]:
    return [
        samples.workspace(),
        samples.application("w"),
        samples.datasource("w"),
        samples.action("w", "a", "d"),
        samples.token("w"),
        samples.keyed_run(),
    ]


@pytest.mark.parametrize("record", every(), ids=lambda record: type(record).__name__)
class TestEveryKind:
    def damaged(self, record: Record, **changes: object) -> bytes:
        content = orjson.loads(encode(record).document)
        return orjson.dumps({key: value for key, value in {**content, **changes}.items() if value is not Ellipsis})

    def test_the_revision_is_not_part_of_the_document(self, record: Record) -> None:
        assert "revision" not in orjson.loads(encode(record).document)
        assert decode(type(record), record.id, encode(record).document, 9).revision == 9

    @pytest.mark.parametrize("revision", ["1", 1.5, None, [1], True])
    def test_a_revision_is_a_whole_number(self, record: Record, revision: Any) -> None:
        with pytest.raises(StoreError, match="revision"):
            decode(type(record), record.id, encode(record).document, revision)

    def test_every_field_is_written(self, record: Record) -> None:
        names = {field.name for field in fields(record)} - {"revision"} | {"version"}
        assert orjson.loads(encode(record).document).keys() == names

    def test_an_unknown_field_is_refused(self, record: Record) -> None:
        with pytest.raises(StoreError, match="canary_name"):
            decode(type(record), record.id, self.damaged(record, canary_name=1), 1)

    def test_another_version_is_refused(self, record: Record) -> None:
        for version in (VERSION + 1, Ellipsis):
            with pytest.raises(StoreError, match="document version"):
                decode(type(record), record.id, self.damaged(record, version=version), 1)

    def test_another_records_document_is_refused(self, record: Record) -> None:
        with pytest.raises(StoreError, match="another record"):
            decode(type(record), "f" * 24, encode(record).document, 1)

    def test_what_is_no_document_is_refused(self, record: Record) -> None:
        for document in (b"", b"[]", b"null", b'{"id"', b"\xff"):
            with pytest.raises(StoreError, match=record.id):
                decode(type(record), record.id, document, 1)

    def test_each_field_of_another_type_is_refused_unshown(self, record: Record) -> None:
        content = orjson.loads(encode(record).document)
        for name in content.keys() - {"id", "version"}:
            wrong = 12345 if isinstance(content[name], str) else "canary-value"
            with pytest.raises(StoreError, match=name) as refused:
                decode(type(record), record.id, self.damaged(record, **{name: wrong}), 1)
            assert str(wrong) not in str(refused.value)


def test_what_was_stored_without_a_newer_field_takes_its_default() -> None:
    action = samples.action("w", "a", "d")
    content = orjson.loads(encode(action).document)
    del content["draft"]["cancel_on_disconnect"]
    assert decode(Action, action.id, orjson.dumps(content), 1).draft.cancel_on_disconnect is False
    del content["draft"]["datasource_id"]
    with pytest.raises(StoreError, match="draft: ActionCopy lacks datasource_id"):
        decode(Action, action.id, orjson.dumps(content), 1)


@pytest.mark.parametrize("sealed", ["AAA=", "AB", "A", "A A", "Ä", "-_8+", "AA==", 7, None])
def test_sealed_bytes_are_read_in_one_spelling_only(sealed: object) -> None:
    record = samples.datasource("w")
    content = orjson.loads(encode(record).document)
    content["secrets"]["password"]["sealed"] = sealed
    with pytest.raises(StoreError, match="secrets: password: sealed"):
        decode(Datasource, record.id, orjson.dumps(content), 1)


@pytest.mark.parametrize("moment", ["2024-01-01T00:00:00", "yesterday", "", 0])
def test_a_moment_without_an_offset_is_refused(moment: object) -> None:
    record = samples.token()
    content = {**orjson.loads(encode(record).document), "expires_at": moment}
    with pytest.raises(StoreError, match="expires_at"):
        decode(Token, record.id, orjson.dumps(content), 1)


@given(configuration=st.dictionaries(st.text("abc.\x00", max_size=4), _JSON, max_size=4), sealed=st.binary())
def test_configuration_and_sealed_bytes_come_back_exactly(configuration: dict[str, object], sealed: bytes) -> None:
    record = Datasource(
        id="0" * 24,
        workspace_id="w",
        name="n",
        kind="k",
        configuration=configuration,
        secrets={"password": SealedSecret(sealed=sealed, generation=1)},
    )
    assert decode(Datasource, record.id, encode(record).document, 0) == record


def test_collections_have_names_of_their_own_and_unique_fields_that_are_indexed() -> None:
    assert len(KINDS) == len(COLLECTIONS)
    for collection in COLLECTIONS.values():
        assert collection.unique
        assert set(collection.unique) <= collection.indexed.keys()


@pytest.mark.parametrize("kind", COLLECTIONS, ids=lambda kind: kind.__name__)
def test_a_label_never_shows_more_than_a_name(kind: Kind) -> None:
    record = next(record for record in every() if type(record) is kind)
    draft = getattr(record, "draft", record)
    assert COLLECTIONS[kind].label(record) == getattr(draft, "name", record.id)


def test_a_shape_that_forgets_a_field_does_not_exist() -> None:
    @dataclass(frozen=True)
    class Noun:
        name: str
        added: str

    with pytest.raises(TypeError, match="added"):
        shape(Noun, name=TEXT)
    with pytest.raises(TypeError, match="id"):
        shape(Workspace, without=["revision"], name=TEXT)
