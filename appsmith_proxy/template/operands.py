"""How a dialect spells an operand with placeholders in it: casts and concatenations."""

from collections.abc import Sequence

from appsmith_proxy.sdk import Concatenation, Dialect, ParameterType


def cast(placeholder: str, native: str) -> str:
    """Return a placeholder cast to a native type, as it is when there is none."""
    return f"CAST({placeholder} AS {native})" if native else placeholder


def native_type(dialect: Dialect, kind: ParameterType | None, *, of_lists: bool = False) -> str:
    """Return what values of a type, or lists of them, are cast to; ``""`` when the place says it."""
    native = dialect.casts.get(kind, "") if kind else ""
    return f"{native}{dialect.array_suffix}" if native and of_lists else native


def concatenated(dialect: Dialect, parts: Sequence[str]) -> str:
    """Return parts of a text joined to one operand."""
    if len(parts) == 1:
        return parts[0]
    if dialect.concatenation is Concatenation.PIPES:
        return f"({' || '.join(parts)})"
    return f"CONCAT({', '.join(parts)})"
