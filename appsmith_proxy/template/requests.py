"""Make the payloads that are no SQL: HTTP requests and documents, every value encoded for the place where it stands."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeAlias

from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.model.plan import FieldSet, FieldTemplate, JsonTemplate, Slot, TextTemplate
from appsmith_proxy.sdk import Document, HttpRequest, Joined, Leaf, ParameterType, json_text
from appsmith_proxy.template.coercion import Given, Misfit, as_text
from appsmith_proxy.template.readers import Trouble, failure
from appsmith_proxy.template.text_context import encode

Read: TypeAlias = Mapping[str, Given]
"""The values by binding name."""


def http_request(payload: FieldSet, read: Read) -> HttpRequest:
    """Return the request with every value in its place.

    Raises:
        ParameterInvalid: values may not stand in their places; all of them are named.
    """
    fields = payload.fields
    problems: list[Trouble] = []

    def text(template: FieldTemplate) -> str:
        if isinstance(template, str):
            return template
        try:
            return _text(template, read)
        except Trouble as trouble:
            problems.append(trouble)
            return ""

    def pairs(template: FieldTemplate) -> tuple[tuple[str, str], ...]:
        return tuple((text(name), text(value)) for name, value in template) if isinstance(template, tuple) else ()

    body = fields.get("body")
    request = HttpRequest(
        method=text(fields["method"]),
        path=text(fields.get("path")),
        query=pairs(fields.get("query")),
        headers=pairs(fields.get("headers")),
        body=None if body is None or isinstance(body, tuple) else _body(body, read).encode(),
        form=pairs(body) if isinstance(body, tuple) else None,
        body_type=text(fields.get("bodyType")) or "none",
    )
    if problems:
        raise failure(problems)
    return request


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


def _body(template: FieldTemplate, read: Read) -> str:
    if not isinstance(template, JsonTemplate):
        return _text(template, read)
    parts: list[str] = []
    for piece in template.pieces:
        if isinstance(piece, str):
            parts.append(piece)
        elif isinstance(piece, Slot):
            parts.append(_json_value(piece, read[piece.name]))
        else:
            parts.append(json_text(_text(piece, read)))
    return "".join(parts)


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


def _text(template: FieldTemplate, read: Read) -> str:
    """Return a text with its slots filled; a constant is itself."""
    if not isinstance(template, TextTemplate):
        return "" if template is None else str(template)
    parts: list[str] = []
    name = ""
    try:
        for piece in template.pieces:
            if isinstance(piece, str):
                parts.append(piece)
            else:
                name = piece.name
                parts.append(encode(template.place, as_text(read[name])))
        return "".join(parts)
    except Misfit as misfit:
        raise Trouble(name, f"expected {misfit.expected}", misfit.hint) from None


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
