"""Make of a name's value what one placeholder takes: escaped for LIKE, a list, an integer for LIMIT, or as it is."""

from collections.abc import Callable
from typing import Any, TypeAlias

from appsmith_proxy.model.parameters import MAX_ITEMS, DeclaredParameter
from appsmith_proxy.model.plan import Slot, Transform
from appsmith_proxy.sdk import ParameterType, json_text
from appsmith_proxy.template.coercion import Given, Misfit, as_text, coerce
from appsmith_proxy.template.readers import Trouble

Writer: TypeAlias = Callable[[Given], Any]


def writer(slot: Slot, declared: DeclaredParameter | None) -> Writer | None:
    """Return what a slot does to a value, None when it takes the value as it is."""
    match slot.transform:
        case Transform.TEXT:
            return lambda value: None if value is None else _scalar_text(slot.name, value)
        case Transform.LIKE:
            return _like_writer(slot)
        case Transform.LIST | Transform.LIST_JSON | Transform.ITEMS:
            return _list_writer(slot, declared)
        case _:
            if slot.type is not None and (declared is None or declared.type is None):
                return _typed_writer(slot.name, slot.type)  # LIMIT and OFFSET
            return None


def _typed_writer(name: str, kind: ParameterType) -> Writer:
    def write(value: Given) -> Given:
        if value is None:
            return None
        try:
            return coerce(kind, value)
        except Misfit as misfit:
            raise Trouble(name, f"expected {misfit.expected}", misfit.hint) from None

    return write


def _scalar_text(name: str, value: Given) -> str:
    if isinstance(value, list | dict):
        raise Trouble(name, "expected one value, because it becomes part of a text")
    return as_text(value)


def _like_writer(slot: Slot) -> Writer:
    escape = slot.escape

    def write(value: Given) -> Given:
        if value is None:
            return None
        text = _scalar_text(slot.name, value)
        if slot.without_nul and "\0" in text:
            raise Trouble(slot.name, "expected text without NUL characters: the database's LIKE reads no further")
        text = text.replace(escape, escape + escape)
        return text.replace("%", f"{escape}%").replace("_", f"{escape}_")

    return write


def _list_writer(slot: Slot, declared: DeclaredParameter | None) -> Writer:
    as_json = slot.transform is Transform.LIST_JSON
    typed = slot.type is not None

    def write(value: Given) -> Any:
        items: list[Any] = value if isinstance(value, list) else [value]
        if any(item is None for item in items):
            raise Trouble(slot.name, "expected a list without null", "NULL in a list makes NOT IN match nothing")
        if declared is None and len(items) > MAX_ITEMS:
            raise Trouble(slot.name, f"expected at most {MAX_ITEMS} items")
        if not items and not slot.empty_list_ok:
            raise Trouble(
                slot.name,
                "expected a list that is not empty, because the statement writes",
                "declare the parameter with allowEmpty if an empty list is meant",
            )
        if not as_json:
            return items
        if slot.without_nul and any(isinstance(item, str) and "\0" in item for item in items):
            raise Trouble(slot.name, "expected texts without NUL characters: the database's JSON reads no further")
        return json_text(items if typed else [as_text(item) for item in items])

    return write
