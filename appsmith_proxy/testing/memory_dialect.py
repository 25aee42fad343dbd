"""The memory driver's dialect, and how bound values become what SQLite takes."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from appsmith_proxy.sdk import (
    Concatenation,
    Dialect,
    ListForm,
    LiteralForm,
    Parameter,
    ParameterType,
    Placeholder,
    StatementClass,
    TypeFamily,
    Value,
    misfit,
    to_text,
)

DIALECT: Final = Dialect(
    name="memory",
    placeholder=Placeholder.QUESTION,
    concatenation=Concatenation.PIPES,
    list_form=ListForm.JSON_EACH,
    literals=(LiteralForm(prefix=""), LiteralForm(prefix="X", accepts_binding=False)),
    identifier_quotes=(('"', '"'), ("`", "`"), ("[", "]")),
    casts={
        ParameterType.INTEGER: "INTEGER",
        ParameterType.BIGINT: "INTEGER",
        ParameterType.FLOAT: "REAL",
        ParameterType.BOOLEAN: "INTEGER",
    },
    text_type="TEXT",
    integer_type="INTEGER",
    first_words={
        "SELECT": StatementClass.READ,
        "VALUES": StatementClass.READ,
        "WITH": StatementClass.READ,
        "INSERT": StatementClass.WRITE,
        "UPDATE": StatementClass.WRITE,
        "DELETE": StatementClass.WRITE,
        "REPLACE": StatementClass.WRITE,
        "CREATE": StatementClass.DDL,
        "ALTER": StatementClass.DDL,
        "DROP": StatementClass.DDL,
        "EXPLAIN": StatementClass.EXPLAIN,
    },
    denied_functions=frozenset({"load_extension"}),
    like_ends_at_nul=True,
)

_FAMILIES: Final[Mapping[ParameterType | None, TypeFamily]] = {
    None: TypeFamily.TEXT,
    ParameterType.TEXT: TypeFamily.TEXT,
    ParameterType.INTEGER: TypeFamily.INTEGER,
    ParameterType.BIGINT: TypeFamily.INTEGER,
    ParameterType.DECIMAL: TypeFamily.NUMERIC,
    ParameterType.FLOAT: TypeFamily.NUMERIC,
    ParameterType.BOOLEAN: TypeFamily.BOOLEAN,
    ParameterType.JSON: TypeFamily.JSON,
    ParameterType.BYTES: TypeFamily.BYTES,
}

_INTEGER: Final = re.compile(r"\s*[+-]?[0-9]{1,19}\s*")


def to_native(parameter: Parameter, value: Value, index: int) -> object:
    """Return a value as SQLite takes it, decided by the declared type alone. Undeclared is text."""
    expected = parameter.type or "text"
    if parameter.is_list and isinstance(value, list):
        return to_text(value, TypeFamily.JSON, index=index, expected="a list")
    text = to_text(value, _FAMILIES.get(parameter.type, TypeFamily.OTHER), index=index, expected=expected)
    if not isinstance(text, str):
        return text
    try:
        text.encode()
        return _READERS.get(parameter.type, str)(text)
    except ValueError:
        raise misfit(index, expected) from None


def _integer(text: str) -> int:
    number = int(text) if _INTEGER.fullmatch(text) else 1 << 63
    if not -(1 << 63) <= number < 1 << 63:
        raise ValueError
    return number


_READERS: Final[Mapping[ParameterType | None, Callable[[str], object]]] = {
    ParameterType.INTEGER: _integer,
    ParameterType.BIGINT: _integer,
    ParameterType.FLOAT: float,
    ParameterType.BOOLEAN: ("false", "true").index,
}
"""How text becomes the declared type: a CAST of SQLite would read ``'12 apples'`` as 12."""
