"""Statements to start an action from: one of each sort for a table, values as bindings."""

import re
from collections.abc import Callable, Sequence

from appsmith_proxy.sdk.results import KeyKind, Starter, StructureColumn, StructureKey


def starters(
    target: str, columns: Sequence[StructureColumn], keys: Sequence[StructureKey], *, quoted: Callable[[str], str]
) -> list[Starter]:
    """Return texts for an author to begin with. Nothing here is sent.

    Args:
        target: the table as it is written in a statement.
        columns: of the table; what is generated is not written.
        keys: of the table; by the primary one rows are found.
        quoted: writes a name as the dialect does.

    Returns:
        SELECT; INSERT where a column can be given; UPDATE and DELETE of one row where there is a primary key.
    """

    def equation(column: str) -> str:
        return f"{quoted(column)} = {_binding(column)}"

    made = [Starter(title="SELECT", body=f"SELECT * FROM {target} LIMIT 10", suggested=True)]  # noqa: S608  # reason: a text for an author, names quoted
    given = [column.name for column in columns if not column.generated]
    if given:
        names, values = ", ".join(map(quoted, given)), ", ".join(map(_binding, given))
        made.append(Starter(title="INSERT", body=f"INSERT INTO {target} ({names})\nVALUES ({values})"))
    primary = next((key.columns for key in keys if key.kind is KeyKind.PRIMARY), ())
    if primary:
        where = " AND ".join(map(equation, primary))
        changed = [column for column in given if column not in primary]
        if changed:
            pairs = ", ".join(map(equation, changed))
            made.append(Starter(title="UPDATE", body=f"UPDATE {target} SET {pairs}\nWHERE {where}"))  # noqa: S608
        made.append(Starter(title="DELETE", body=f"DELETE FROM {target}\nWHERE {where}"))  # noqa: S608
    return made


def _binding(column: str) -> str:
    """Return a binding named like the column; a name that is no word is spelled with underscores."""
    word = re.sub(r"\W", "_", column)
    return "{{ " + (word if word[:1].isalpha() else f"value_{word}") + " }}"
