"""The family's form: parts in any order, words into values, files into texts, and both wire forms of one call equal."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appsmith_proxy.errors import InvalidRequest, TooLarge
from appsmith_proxy.web.decode import decode
from appsmith_proxy.web.form import ExecuteForm, read_form
from appsmith_proxy.web.multipart import Part
from tests.web.fakes import ACTION

BLOB = "blob:0a1b2c3d-0000-4000-8000-00000000cafe"


def metadata(**more: Any) -> Part:
    return Part("executeActionDTO", json.dumps({"actionId": ACTION, **more}).encode())


def mapping(bindings: Mapping[str, str]) -> Part:
    return Part("parameterMap", json.dumps(bindings).encode())


def read(*parts: Part, total_bytes: int = 10_000) -> ExecuteForm:
    return read_form(parts, total_bytes=total_bytes)


def one(raw: bytes, kind: object, *more: Part, total_bytes: int = 10_000) -> Any:
    """Return what a single value becomes."""
    properties = {} if kind is None else {"k0": kind}
    found = read(
        metadata(paramProperties=properties), mapping({"x": "k0"}), Part("k0", raw), *more, total_bytes=total_bytes
    )
    return found.params["x"]


def paths(*parts: Part) -> set[str]:
    with pytest.raises(InvalidRequest) as caught:
        read(*parts)
    return {problem.path for problem in caught.value.details}


@pytest.mark.parametrize(
    ("raw", "word", "value"),
    [
        (b"12", "string", "12"),
        (b"", "string", ""),
        (b"12", "number", 12),
        (b"12.50", "number", Decimal("12.50")),
        (b"1e+21", "number", Decimal("1e21")),
        (b"9007199254740993", "number", "9007199254740993"),
        (b"NaN", "number", "NaN"),
        (b"", "number", ""),
        (b"null", "number", "null"),
        (b"true", "number", "true"),
        (b"[1]", "number", "[1]"),
        (b"true", "boolean", True),
        (b"false", "boolean", False),
        (b"TRUE", "boolean", "TRUE"),
        (b"null", "null", None),
        (b"", "null", None),
        (b"x", "null", "x"),
        (b'{"a": [1]}', "object", {"a": [1]}),
        (b"{broken", "object", "{broken"),
        (b'{"a": 1, "a": 2}', "object", '{"a": 1, "a": 2}'),
        (b"[1, 2.5]", "array", [1, Decimal("2.5")]),
        (b"[]", "array", []),
        (b"undefined", "undefined", "undefined"),
        (b"2020-01-01T00:00:00Z", "date", "2020-01-01T00:00:00Z"),
        (b"5", "NUMBER", 5),
        ("ü😀".encode(), "string", "ü😀"),
    ],
)
def test_words_say_how_a_text_is_read(raw: bytes, word: str, value: Any) -> None:
    for kind in ({"datatype": word, "blobIdentifiers": []}, {"datatype": word}, word):
        found = one(raw, kind)
        assert found == value
        assert type(found) is type(value)


@pytest.mark.parametrize(
    "kind",
    [{"datatype": {"array": ["number"]}, "blobIdentifiers": []}, {"array": [None]}, {"datatype": {"array": [None]}}],
)
def test_arrays_come_with_the_type_of_their_first_element(kind: object) -> None:
    assert one(b"[1,2]", kind) == [1, 2]


def test_without_a_word_a_value_is_text() -> None:
    assert one(b"12", None) == "12"
    assert one(b"12", {"datatype": None}) == "12"


def test_parts_come_in_any_order() -> None:
    parts = [
        metadata(paramProperties={"k0": "string", "k1": "number"}),
        mapping({"Input1.text": "k0", "a.b": "k1"}),
        Part("k0", b"v"),
        Part("k1", b"7"),
    ]
    assert read(*reversed(parts)).params == read(*parts).params == {"Input1.text": "v", "a.b": 7}


def test_the_first_of_several_metadata_parts_counts() -> None:
    first, second = metadata(viewMode=True), metadata(viewMode=False)
    assert read(first, second).metadata.view_mode is True
    assert read(Part("x-executeActionDTO-y", first.value)).metadata.action_id == ACTION


def test_a_binding_without_a_part_is_left_out_and_an_empty_part_is_a_text() -> None:
    found = read(metadata(), mapping({"a": "k0", "b": "k1"}), Part("k1", b""))
    assert found.params == {"b": ""}


def test_names_are_trimmed_and_may_share_a_part() -> None:
    assert read(metadata(), mapping({" a ": "k0", "b": "k0"}), Part("k0", b"v")).params == {"a": "v", "b": "v"}


def test_what_front_ends_send_for_themselves_is_ignored() -> None:
    found = read(
        metadata(
            viewMode=True,
            params={"x": 1},
            analyticsProperties={"isUserInitiated": True},
            paramMap={},
            paginationField="NEXT",
            datasourceId="whatever",
        )
    )
    assert (found.metadata.view_mode, found.params) == (True, {})


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        ((), "executeActionDTO"),
        ((mapping({}),), "executeActionDTO"),
        ((Part("executeActionDTO", b"{"),), "executeActionDTO"),
        ((Part("executeActionDTO", b"[]"),), "executeActionDTO"),
        ((Part("executeActionDTO", b"{}"),), "executeActionDTO.actionId"),
        ((metadata(viewMode="true"),), "executeActionDTO.viewMode"),
        ((metadata(viewMode=1),), "executeActionDTO.viewMode"),
        ((metadata(workspaceId=ACTION),), "executeActionDTO.workspaceId"),
        ((metadata(paramProperties=[]),), "executeActionDTO.paramProperties"),
        ((metadata(), Part("parameterMap", b"[]")), "parameterMap"),
        ((metadata(), Part("parameterMap", b'{"a": 1}')), "parameterMap"),
        ((metadata(), Part("parameterMap", b'{"a": "k0", "a": "k1"}')), "parameterMap.a"),
        ((metadata(), Part("k0", b"v")), "k0"),
        ((metadata(), mapping({"a": "k0"}), Part("k0", b"\xff")), "k0"),
        ((metadata(), mapping({"a": "k0"}), Part("k0", b"1"), Part("k0", b"2")), "k0"),
        ((metadata(), Part("file", b"v")), "file"),
        ((metadata(), Part("K0", b"v")), "K0"),
        ((metadata(), Part("blob:nothing", b"v")), "blob:nothing"),
        (
            (metadata(paramProperties={"k0": 5}), mapping({"a": "k0"}), Part("k0", b"v")),
            "executeActionDTO.paramProperties.k0",
        ),
        (
            (
                metadata(paramProperties={"k0": {"datatype": "string", "blobIdentifiers": "x"}}),
                mapping({"a": "k0"}),
                Part("k0", b"v"),
            ),
            "executeActionDTO.paramProperties.k0",
        ),
    ],
)
def test_refuses_with_the_place(parts: tuple[Part, ...], path: str) -> None:
    assert path in paths(*parts)


def test_says_every_problem_at_once() -> None:
    assert paths(metadata(), mapping({"a": "k0"}), Part("k0", b"\xff"), Part("k1", b"x"), Part("k2", b"x")) == {
        "k0",
        "k1",
        "k2",
    }


def test_files_are_put_into_texts_byte_for_byte() -> None:
    content = bytes(range(256))
    kind = {"datatype": "object", "blobIdentifiers": [BLOB]}
    value = one(json.dumps({"name": "f", "data": BLOB, "size": 1}).encode(), kind, Part(BLOB, content))
    assert value == {"name": "f", "data": content.decode("latin-1"), "size": 1}
    kind = {"datatype": "string", "blobIdentifiers": [BLOB]}
    assert one(f"<{BLOB}>".encode(), kind, Part(BLOB, b'"\\\n')) == '<"\\\n>'


def test_a_files_bytes_are_never_read_as_json() -> None:
    kind = {"datatype": "object", "blobIdentifiers": [BLOB]}
    assert one(json.dumps({"a": BLOB}).encode(), kind, Part(BLOB, b'","admin":true,"x":"')) == {
        "a": '","admin":true,"x":"'
    }


def test_a_file_that_is_not_listed_stays_a_name() -> None:
    assert one(BLOB.encode(), "string", Part(BLOB, b"content")) == BLOB
    assert one(BLOB.encode(), {"datatype": "string", "blobIdentifiers": [BLOB]}) == BLOB


def test_a_file_named_many_times_does_not_multiply_without_bound() -> None:
    kind = {"datatype": "string", "blobIdentifiers": [BLOB]}
    with pytest.raises(TooLarge):
        one(BLOB.encode() * 100, kind, Part(BLOB, b"x" * 1_000))


def as_parts(params: Mapping[str, Any]) -> list[Part]:
    """Write values as the family's browser client does."""
    properties: dict[str, Any] = {}
    bindings: dict[str, str] = {}
    parts: list[Part] = []
    for index, (name, value) in enumerate(params.items()):
        part = f"k{index}"
        bindings[name] = part
        match value:
            case bool():
                word: Any = "boolean"
                text = "true" if value else "false"
            case int():
                word, text = "number", str(value)
            case str():
                word, text = "string", value
            case None:
                word, text = "null", "null"
            case list():
                word, text = {"array": ["string"]}, json.dumps(value, ensure_ascii=False)
            case _:
                word, text = "object", json.dumps(value, ensure_ascii=False)
        properties[part] = {"datatype": word, "blobIdentifiers": []}
        parts.append(Part(part, text.encode()))
    return [metadata(paramProperties=properties), mapping(bindings), *parts]


plain = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20)
values = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
binding_names = st.text(min_size=1, max_size=20).map(str.strip).filter(bool)


@given(st.dictionaries(binding_names, values, max_size=5), st.randoms(use_true_random=False))
def test_both_wire_forms_of_a_call_are_equal(params: dict[str, Any], order: Any) -> None:
    parts = as_parts(params)
    order.shuffle(parts)
    assert read(*parts, total_bytes=1_000_000).params == decode(json.dumps(params).encode())
