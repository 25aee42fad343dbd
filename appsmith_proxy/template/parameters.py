"""Check declared parameters when an action is saved, and a value against them when it runs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from appsmith_proxy.errors import Problem
from appsmith_proxy.model.parameters import MAX_ITEMS, MAX_ROWS, DeclaredParameter
from appsmith_proxy.model.trusted import TRUSTED_NAMES
from appsmith_proxy.sdk import ParameterType
from appsmith_proxy.template.choosers import CHOOSERS, chooser_problems, is_chooser
from appsmith_proxy.template.coercion import ORDERED, Given, Misfit, coerce, order_key
from appsmith_proxy.template.expressions import PatternError
from appsmith_proxy.template.linear import Pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """A declared parameter made ready for values."""

    declared: DeclaredParameter
    choices: frozenset[Any] | None
    least: Any
    most: Any
    pattern: Pattern | None

    @classmethod
    def of(cls, declared: DeclaredParameter) -> "Rules":
        """Return the rules of a declaration that has no problems."""
        kind = declared.type
        choices = frozenset(_hashable(_coerced(kind, choice)) for choice in declared.choices)
        return cls(
            declared=declared,
            choices=choices or None,
            least=_bound(kind, declared.min),
            most=_bound(kind, declared.max),
            pattern=None if declared.pattern is None else Pattern(declared.pattern),
        )

    def check(self, value: Given) -> Given:
        """Return a given value as what is bound: coerced, and within every rule.

        Raises:
            Misfit: it is not.
        """
        declared = self.declared
        if value is None:
            if not declared.nullable:
                raise Misfit("a value that is not null", "declare the parameter nullable to let null through")
            return None
        if not declared.is_list:
            return self._check_one(value)
        items = value if isinstance(value, list) else [value]
        if len(items) > declared.max_items:
            raise Misfit(f"at most {declared.max_items} items")
        if any(item is None for item in items):
            raise Misfit("a list without null", "NULL in a list makes NOT IN match nothing")
        return [self._check_one(item) for item in items]  # type: ignore[misc]  # reason: decimals are values here

    def is_absent(self, value: Given) -> bool:
        """Return whether a given value counts as none: ``""`` for what is no text, and where the declaration says so."""
        if value != "" or value is None:
            return False
        if self.declared.empty_is_absent is not None:
            return self.declared.empty_is_absent
        return self.declared.type not in (None, ParameterType.TEXT)

    def _check_one(self, given: Given) -> Given:
        declared = self.declared
        kind = declared.type
        if isinstance(given, list) and kind not in (None, ParameterType.JSON):
            raise Misfit("one value, not a list", "declare the parameter as a list")
        value = given if kind is None else coerce(kind, given)
        if self.choices is not None and _hashable(value) not in self.choices:
            raise Misfit("one of the declared choices")
        if self.least is not None or self.most is not None:
            self._check_bounds(value)
        if isinstance(value, str) and kind in (None, ParameterType.TEXT):
            self._check_text(value)
        return value

    def _check_bounds(self, value: Given) -> None:
        assert self.declared.type is not None  # noqa: S101  # reason: check_declarations refuses bounds without a type
        key: Any = order_key(self.declared.type, value)
        if key is None:
            raise Misfit("a value within the declared bounds")
        if self.least is not None and key < self.least:
            raise Misfit("a value that is not below the declared minimum")
        if self.most is not None and key > self.most:
            raise Misfit("a value that is not above the declared maximum")

    def _check_text(self, value: str) -> None:
        declared = self.declared
        if declared.min_length is not None and len(value) < declared.min_length:
            raise Misfit(f"at least {declared.min_length} characters")
        if declared.max_length is not None and len(value) > declared.max_length:
            raise Misfit(f"at most {declared.max_length} characters")
        if self.pattern is not None and not self.pattern.matches(value):
            raise Misfit("text of the declared pattern")


def check_declarations(
    parameters: Sequence[DeclaredParameter], *, optional: frozenset[str] = frozenset(), path: str = "parameters"
) -> Iterator[Problem]:
    """Yield everything that is wrong with an action's declared parameters. ``optional`` ones stand in blocks only."""
    seen: set[str] = set()
    patterns = 0
    for index, declared in enumerate(parameters):
        where = f"{path}[{index}]"
        patterns += sum(one.pattern is not None for one in (declared, *declared.fields))
        if patterns > MAX_PATTERNS:
            yield Problem(where, f"an action may have {MAX_PATTERNS} patterns", hint="make several actions")
            return
        if declared.name in seen:
            yield Problem(f"{where}.name", "another parameter has this name")
        seen.add(declared.name)
        for field, message, hint in _problems(declared, in_block=declared.name in optional):
            yield Problem(f"{where}.{field}", message, hint=hint)


def declarations_by_name(parameters: Sequence[DeclaredParameter]) -> Mapping[str, DeclaredParameter]:
    """Return the declarations by the binding they belong to."""
    return {declared.name: declared for declared in parameters}


_Found = tuple[str, str, str]

MAX_FIELDS: Final = 200
MAX_PATTERNS: Final = 100
"""Of one action, columns of rows included: each may take milliseconds to read."""
_NOT_IN_ROWS: Final = CHOOSERS | {ParameterType.OBJECT}


def _problems(declared: DeclaredParameter, *, in_block: bool) -> Iterator[_Found]:
    yield from _name_problems(declared)
    if not declared.required and not declared.has_default and not declared.nullable and not in_block:
        yield "required", "an optional parameter needs a value for when it is absent", "give a default, or nullable"
    if is_chooser(declared):
        yield from chooser_problems(declared)
        return
    if declared.type is ParameterType.OBJECT or declared.fields:
        yield from _object_problems(declared)
        return
    yield from _list_problems(declared)
    yield from _text_problems(declared)
    yield from _bound_problems(declared)
    yield from _value_problems(declared)


def _name_problems(declared: DeclaredParameter) -> Iterator[_Found]:
    if not declared.name or declared.name != declared.name.strip():
        yield "name", "must be the binding's text, without white space around it", ""
    trusted = declared.name in TRUSTED_NAMES
    if declared.trusted_only and not trusted:
        yield "trustedOnly", "only the server's own names can be trusted", f"one of {', '.join(TRUSTED_NAMES)}"
    if trusted and is_chooser(declared):
        yield "type", "what the server fills in is a value, and chooses nothing", ""
    if trusted and (declared.has_default or declared.nullable or not declared.required):
        yield "name", "what the server fills in is never absent or null", "leave out default, nullable and required"


def _list_problems(declared: DeclaredParameter) -> Iterator[_Found]:
    if declared.is_list and declared.type is None:
        yield "type", "a list needs the type of its items", ""
    if not 1 <= declared.max_items <= MAX_ITEMS:
        yield "maxItems", f"must be between 1 and {MAX_ITEMS}", ""
    if declared.is_list and declared.wildcards:
        yield "wildcards", "a list is no pattern", "declare one text"


def _object_problems(declared: DeclaredParameter) -> Iterator[_Found]:
    if declared.type is not ParameterType.OBJECT:
        yield "fields", "apply to a parameter of type object", ""
        return
    if not declared.is_list:
        yield "list", "objects are bound as the rows of VALUES {{rows}}: declare a list", ""
    if not 1 <= len(declared.fields) <= MAX_FIELDS:
        yield "fields", f"must be 1 to {MAX_FIELDS} columns, each with its name", ""
    if not 1 <= declared.max_items <= MAX_ROWS:
        yield "maxItems", f"must be between 1 and {MAX_ROWS}", ""
    if declared.nullable or declared.choices or declared.has_default:
        yield "type", "a list of objects is never null, and has no choices and no default", ""
    if len({field.name for field in declared.fields}) != len(declared.fields):
        yield "fields", "two have one name", ""
    for index, column in enumerate(declared.fields):
        if column.type in _NOT_IN_ROWS or column.is_list or column.fields:
            yield f"fields[{index}].type", "must be the type of one value", ""
        for field, message, hint in _problems(column, in_block=False):
            yield f"fields[{index}].{field}", message, hint


def _text_problems(declared: DeclaredParameter) -> Iterator[_Found]:
    is_text = declared.type in (None, ParameterType.TEXT)
    for field, length in (("minLength", declared.min_length), ("maxLength", declared.max_length)):
        if length is not None and not is_text:
            yield field, "applies to text only", ""
        elif length is not None and length < 0:
            yield field, "must not be negative", ""
    if (
        declared.min_length is not None
        and declared.max_length is not None
        and declared.min_length > declared.max_length
    ):
        yield "minLength", "must not be above maxLength", ""
    if declared.pattern is not None:
        if not is_text:
            yield "pattern", "applies to text only", ""
        try:
            Pattern(declared.pattern)
        except PatternError as problem:
            yield "pattern", str(problem), "only what can be matched in linear time is read"
    if declared.wildcards and not is_text:
        yield "wildcards", "applies to text only", ""


def _bound_problems(declared: DeclaredParameter) -> Iterator[_Found]:
    keys: list[Any] = []
    for field, bound in (("min", declared.min), ("max", declared.max)):
        if bound is None:
            continue
        if declared.type not in ORDERED:
            yield field, "applies to numbers, dates and times; say the type", ""
            continue
        try:
            key = _bound(declared.type, bound)
        except Misfit as misfit:
            yield field, f"must be {misfit.expected}", misfit.hint
            continue
        if key is None:
            yield field, "must be a date of the years 1 to 9999", ""
        keys.append(key)
    if len(keys) == 2 and None not in keys and keys[0] > keys[1]:
        yield "min", "must not be above max", ""


def _value_problems(declared: DeclaredParameter) -> Iterator[_Found]:
    """Check what the author himself wrote as values."""
    for index, choice in enumerate(declared.choices):
        if choice is None or isinstance(choice, list | dict):
            yield f"choices[{index}]", "must be one value, not null", ""
            continue
        try:
            _coerced(declared.type, choice)
        except Misfit as misfit:
            yield f"choices[{index}]", f"must be {misfit.expected}", misfit.hint
    if not declared.has_default:
        return
    if declared.default is None:
        yield "default", "must not be null", "declare the parameter nullable and not required instead"
        return
    try:
        Rules.of(declared).check(declared.default)
    except Misfit as misfit:
        yield "default", f"must be {misfit.expected}", misfit.hint
    except (PatternError, TypeError, ValueError):
        return  # the rule itself is wrong and was reported


def _coerced(kind: ParameterType | None, value: Any) -> Any:
    return value if kind is None else coerce(kind, value)


def _bound(kind: ParameterType | None, bound: Any) -> Any:
    return None if bound is None or kind is None else order_key(kind, coerce(kind, bound))


def _hashable(value: Any) -> Any:
    """Return what choices are compared by: the kind of value counts, 1 is not true."""
    return (isinstance(value, bool), value if value.__hash__ is not None else str(value))
