"""Bound values as parameter texts: JSON values in PostgreSQL's own input syntax, by the type of their place."""

from collections.abc import Sequence
from typing import Final

from appsmith_proxy.sdk import TypeFamily, Value, misfit, to_text
from appsmith_proxy_postgres.typebook import TypeInfo

Argument = str | bytes | None

_QUOTED: Final = str.maketrans({"\\": "\\\\", '"': '\\"'})


def bind(values: Sequence[Value], types: Sequence[TypeInfo]) -> list[Argument]:
    """Return one argument for each place.

    Raises:
        ParameterInvalid: a value's JSON type does not fit its place; nothing was sent.
    """
    arguments: list[Argument] = []
    for value, info in zip(values, types, strict=True):
        direct = type(value) in info.direct
        arguments.append(str(value) if direct else argument(value, info, index=len(arguments)))
    return arguments


def argument(value: Value, info: TypeInfo, *, index: int) -> Argument:
    """Return one value in the form of its place's type."""
    if info.element is not None and isinstance(value, list):
        return _array(value, info.element, index=index, expected=info.name)
    return to_text(value, info.family, index=index, expected=info.name)


def _array(items: list[Value], element: TypeInfo, *, index: int, expected: str) -> str:
    """Return an array literal. Each element is quoted, so that no text of it is syntax."""
    parts: list[str] = []
    for item in items:
        if isinstance(item, list) and element.family is not TypeFamily.JSON:
            raise misfit(index, expected, hint="arrays inside arrays are not supported; pass the value as json")
        text = to_text(item, element.family, index=index, expected=expected)
        if isinstance(text, bytes):
            text = f"\\x{text.hex()}"
        parts.append("NULL" if text is None else f'"{text.translate(_QUOTED)}"')
    return "{" + ",".join(parts) + "}"
