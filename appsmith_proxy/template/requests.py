"""Make the payloads that are no SQL: HTTP requests and documents, every value encoded for the place where it stands."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeAlias, TypeVar

from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.model.plan import FieldSet, FieldTemplate, JsonTemplate, Slot, TextTemplate
from appsmith_proxy.sdk import Document, HttpRequest, Joined, Leaf, ParameterType, json_text
from appsmith_proxy.template.coercion import Given, Misfit, as_text
from appsmith_proxy.template.readers import Trouble, failure
from appsmith_proxy.template.text_context import encoder

Read: TypeAlias = Mapping[str, Given]
"""The values by binding name."""
Values: TypeAlias = Sequence[Given]
"""The same, each where its name stands among a plan's names."""

_T = TypeVar("_T")
_Fill: TypeAlias = Callable[[Values], _T]
"""Makes a part of a request that has bindings in it."""
_Pairs: TypeAlias = tuple[tuple[str, str], ...]


def http_renderer(payload: FieldSet, at: Mapping[str, int]) -> Callable[[Values], HttpRequest]:
    """Return what makes a request of values: what is the same in each request is made here, once.

    Args:
        payload: the request's compiled fields.
        at: where each name's value stands among those that are read.

    The renderer raises ParameterInvalid when values may not stand in their places; all of them are named.
    """
    fields = payload.fields
    body = fields.get("body")
    texts: list[_Fill[str]] = []

    def text(template: FieldTemplate) -> "str | _Fill[str]":
        filled = _text(template, at)
        if not isinstance(filled, str):
            texts.append(filled)
        return filled

    def pairs(template: FieldTemplate) -> "_Pairs | _Fill[_Pairs]":
        made = [(text(name), text(value)) for name, value in template] if isinstance(template, tuple) else []
        return _pairs(made)

    parts = {
        "method": text(fields["method"]),
        "path": text(fields.get("path")),
        "query": pairs(fields.get("query")),
        "headers": pairs(fields.get("headers")),
        "body": None if body is None or isinstance(body, tuple) else _body(body, at),
        "form": pairs(body) if isinstance(body, tuple) else None,
        "body_type": text(fields.get("bodyType")) or "none",
    }
    same: dict[str, Any] = {name: part for name, part in parts.items() if not callable(part)}
    filled: list[tuple[str, _Fill[Any]]] = [(name, part) for name, part in parts.items() if callable(part)]

    def render(read: Values) -> HttpRequest:
        try:
            return HttpRequest(**same, **{name: fill(read) for name, fill in filled})
        except Trouble:
            raise failure(_troubles(texts, read)) from None

    return render


def document(payload: FieldSet, read: Read, parameters: Mapping[str, DeclaredParameter]) -> Document:
    """Return the document with a leaf for each value. What it becomes there is the driver's to say."""

    def leaf(slot: Slot) -> Leaf:
        return _leaf(slot, parameters, read[slot.name])

    def part(slot: Slot) -> Leaf:
        try:
            return replace(_leaf(slot, parameters, as_text(read[slot.name])), type=ParameterType.TEXT)
        except Misfit as misfit:
            raise Trouble(slot.name, f"expected {misfit.expected}", misfit.hint) from None

    try:
        return Document(fields={name: _node(field, leaf, part) for name, field in payload.fields.items()})
    except Trouble as trouble:
        raise failure([trouble]) from None


def unbound_document(
    fields: Mapping[str, FieldTemplate], parameters: Mapping[str, DeclaredParameter]
) -> Mapping[str, Any]:
    """Return the fields of a document as they are before there are values, for a driver to check."""

    def leaf(slot: Slot) -> Leaf:
        return replace(_leaf(slot, parameters, None), bound=False)

    return {name: _node(field, leaf, leaf) for name, field in fields.items()}


def _body(template: FieldTemplate, at: Mapping[str, int]) -> "bytes | _Fill[bytes]":
    whole = _json(template, at) if isinstance(template, JsonTemplate) else _text(template, at)
    return whole.encode() if isinstance(whole, str) else lambda read: whole(read).encode()


def _json(template: JsonTemplate, at: Mapping[str, int]) -> "str | _Fill[str]":
    if all(isinstance(piece, str) for piece in template.pieces):
        return "".join(piece for piece in template.pieces if isinstance(piece, str))
    parts = [piece if isinstance(piece, str) else _json_piece(piece, at) for piece in template.pieces]
    return lambda read: "".join([part if isinstance(part, str) else part(read) for part in parts])


def _json_piece(piece: Slot | TextTemplate, at: Mapping[str, int]) -> "_Fill[str]":
    if isinstance(piece, Slot):
        index = at[piece.name]
        return lambda read: _json_value(piece, read[index])
    inside = _text(piece, at)
    return lambda read: json_text(inside if isinstance(inside, str) else inside(read))


def _json_value(slot: Slot, value: Given) -> str:
    """Return a value as JSON text. Declared JSON is JSON text already; bytes become base64."""
    if slot.type is ParameterType.JSON and isinstance(value, str):
        return value
    return json_text(_plain(slot, value))


def _plain(slot: Slot, value: Given) -> Any:
    if isinstance(value, list):
        return [_plain(slot, item) for item in value]
    if slot.type is ParameterType.JSON and isinstance(value, str):
        return json.loads(value, parse_float=Decimal)
    return as_text(value) if isinstance(value, bytes) else value


def _text(template: FieldTemplate, at: Mapping[str, int]) -> "str | _Fill[str]":
    """Return a text, or what fills its slots."""
    if not isinstance(template, TextTemplate):
        return "" if template is None else str(template)
    if all(isinstance(piece, str) for piece in template.pieces):
        return "".join(piece for piece in template.pieces if isinstance(piece, str))
    encode = encoder(template.place)
    parts = [piece if isinstance(piece, str) else (piece.name, at[piece.name]) for piece in template.pieces]

    def fill(read: Values) -> str:
        texts: list[str] = []
        name = ""
        try:
            for part in parts:
                if isinstance(part, str):
                    texts.append(part)
                else:
                    name, index = part
                    value = as_text(read[index])
                    texts.append(value if encode is None else encode(value))
        except Misfit as misfit:
            raise Trouble(name, f"expected {misfit.expected}", misfit.hint) from None
        return "".join(texts)

    return fill


def _pairs(pairs: "list[tuple[str | _Fill[str], str | _Fill[str]]]") -> "_Pairs | _Fill[_Pairs]":
    fixed = tuple((name, value) for name, value in pairs if isinstance(name, str) and isinstance(value, str))
    if len(fixed) == len(pairs):
        return fixed
    return lambda read: tuple(
        [
            (name if isinstance(name, str) else name(read), value if isinstance(value, str) else value(read))
            for name, value in pairs
        ]
    )


def _troubles(texts: "list[_Fill[str]]", read: Values) -> list[Trouble]:
    """Return what is wrong with the values in every text."""
    troubles: list[Trouble] = []
    for fill in texts:
        try:
            fill(read)
        except Trouble as trouble:
            troubles.append(trouble)
    return troubles


def _leaf(slot: Slot, parameters: Mapping[str, DeclaredParameter], value: Given) -> Leaf:
    declared = parameters.get(slot.name)
    if slot.type is ParameterType.JSON and value is not None:
        value = _parsed(value)
    return Leaf(name=slot.name, type=slot.type, value=value, wildcards=declared is not None and declared.wildcards)


def _parsed(value: Given) -> Any:
    if isinstance(value, list):
        return [_parsed(item) for item in value]
    return json.loads(value, parse_float=Decimal) if isinstance(value, str) else value


def _node(node: Any, leaf: Callable[[Slot], Leaf], part: Callable[[Slot], Leaf]) -> Any:
    """Return a template's tree with the leaves that the callables make: whole values, and parts of texts."""
    if isinstance(node, JsonTemplate):
        return _node(node.root, leaf, part)
    if isinstance(node, Slot):
        return leaf(node)
    if isinstance(node, TextTemplate):
        pieces = node.pieces
        if all(isinstance(piece, str) for piece in pieces):
            return "".join(piece for piece in pieces if isinstance(piece, str))
        return Joined(parts=tuple(piece if isinstance(piece, str) else part(piece) for piece in pieces))
    if isinstance(node, Mapping):
        return {key: _node(value, leaf, part) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_node(value, leaf, part) for value in node]
    return node
