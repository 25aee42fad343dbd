"""Read one value for each name of a plan: who gives it, what absent means, and whether it fits its declaration."""

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias

from appsmith_proxy.errors import InvalidRequest, Outcome, ParameterInvalid, Problem
from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.model.plan import Plan, Slot, Source
from appsmith_proxy.sdk import Value, json_text
from appsmith_proxy.template.coercion import Given, Misfit
from appsmith_proxy.template.parameters import Rules
from appsmith_proxy.template.rows import rules_of

Trusted: TypeAlias = Callable[[str], Value | None]
"""Looks a trusted name up for the authenticated caller; None: the caller does not have it."""

Reader: TypeAlias = Callable[[Mapping[str, Value], Trusted, bool], Given]
"""(params, trusted names, family's form) → the name's value. Raises ``Trouble``."""


class Trouble(Exception):
    """What is wrong with one binding's value."""

    def __init__(self, name: str, message: str, hint: str = "", *, missing: bool = False) -> None:
        super().__init__(message)
        self.problem = Problem(f"params.{name}", message, hint=hint)
        self.expected = message
        self.missing = missing


def failure(troubles: Sequence[Trouble]) -> InvalidRequest | ParameterInvalid:
    """Return the one error that reports every trouble: a request that is incomplete, or values that do not fit."""
    details = tuple(dict.fromkeys(trouble.problem for trouble in troubles))
    names = ", ".join(dict.fromkeys("{{" + problem.path.removeprefix("params.") + "}}" for problem in details))
    if any(trouble.missing for trouble in troubles):
        return InvalidRequest(f"values are missing or do not fit: {names}", details=details)
    first = details[0]
    return ParameterInvalid(
        f"{names}: {first.message}" if len(details) == 1 else f"values do not fit: {names}",
        hint=first.hint if len(details) == 1 else "",
        details=details,
        outcome=Outcome.NOT_SENT,
        expected=troubles[0].expected if len(details) == 1 else "",
    )


def reader(name: str, plan: Plan, slots: tuple[Slot, ...]) -> Reader:
    """Return what fetches and checks the value of one name."""
    declared = plan.parameters.get(name)
    source = next((slot.source for slot in slots if slot.name == name), Source.CLIENT)
    if source is Source.STEP:
        return _step_reader(name, declared)
    if source is Source.TRUSTED:
        return _trusted_reader(name, declared)
    return _undeclared_reader(name) if declared is None else _declared_reader(name, declared)


class _Absent:
    """The one value that no caller can send."""


_ABSENT: Final = _Absent()

NO_RESULT: Final[Any] = _Absent()
"""What ``Trusted`` returns for a step's result that is not there; None is a NULL."""
PENDING: Final[Any] = _Absent()
"""What it returns before the step has run."""


def _undeclared_reader(name: str) -> Reader:
    def read(values: Mapping[str, Value], trusted: Trusted, family: bool) -> Given:  # noqa: FBT001  # reason: internal, positional for speed
        value = values.get(name, _ABSENT)
        if isinstance(value, _Absent):
            if family:
                return ""
            raise Trouble(name, "a value is missing", f"send it in params as {json_text(name)}", missing=True)
        if not (value.isascii() if isinstance(value, str) else value.__class__ is int and -_SAFE <= value <= _SAFE):
            _check_whole(name, value)
        return value

    return read


def _declared_reader(name: str, declared: DeclaredParameter) -> Reader:
    rules = rules_of(declared)
    default = rules.check(declared.default) if declared.has_default else None

    def read(values: Mapping[str, Value], trusted: Trusted, family: bool) -> Given:  # noqa: FBT001  # reason: internal, positional for speed
        value = values.get(name, _ABSENT)
        if isinstance(value, _Absent) or rules.is_absent(value):
            if declared.has_default:
                return default
            if declared.required:
                raise Trouble(name, "a value is missing", "the parameter is required", missing=True)
            return None
        if not (value.isascii() if isinstance(value, str) else value.__class__ is int and -_SAFE <= value <= _SAFE):
            _check_whole(name, value)
        try:
            return rules.check(value)
        except Misfit as misfit:
            raise Trouble(name, f"expected {misfit.expected}", misfit.hint) from None

    return read


def _trusted_reader(name: str, declared: DeclaredParameter | None) -> Reader:
    rules = Rules.of(declared) if declared else None

    def read(values: Mapping[str, Value], trusted: Trusted, family: bool) -> Given:  # noqa: FBT001  # reason: internal, positional for speed
        value = trusted(name)
        if value is None or value == "":
            raise Trouble(name, "the caller has no such value", "the token or account must carry it")
        return _checked(name, rules, value)

    return read


def _step_reader(name: str, declared: DeclaredParameter | None) -> Reader:
    rules = Rules.of(declared) if declared else None

    def read(values: Mapping[str, Value], trusted: Trusted, family: bool) -> Given:  # noqa: FBT001  # reason: internal, positional for speed
        value = trusted(name)
        if value is PENDING:
            return None
        if value is NO_RESULT:
            raise Trouble(name, "the step answered no such value", "its statement must find a row with this column")
        return _checked(name, rules, value)

    return read


def _checked(name: str, rules: Rules | None, value: Value) -> Given:
    try:
        return rules.check(value) if rules else value
    except Misfit as misfit:
        raise Trouble(name, f"expected {misfit.expected}", misfit.hint) from None


_SAFE: Final = 2**53


def _check_whole(name: str, value: Given) -> None:
    if not _is_whole(value):
        raise Trouble(name, "expected text of whole Unicode characters, and finite numbers, integers within 64 bits")


def _is_whole(value: Given) -> bool:
    """Return whether a value can be written at all: half a surrogate pair has no UTF-8."""
    match value:
        case str():
            try:
                value.encode()
            except UnicodeEncodeError:
                return False
            return True
        case int():
            return -(2**63) <= value < 2**64
        case float() | Decimal():
            return value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)
        case list():
            return all(_is_whole(item) for item in value)
        case dict():
            return all(_is_whole(key) and _is_whole(item) for key, item in value.items())
        case _:
            return True
