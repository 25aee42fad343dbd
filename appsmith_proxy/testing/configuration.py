"""The configuration suite: the field tables are well-formed, and checking them is complete, pure and discreet."""

import copy
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from appsmith_proxy.sdk import ActionField, Field, FieldType, check_configuration, json_schema
from appsmith_proxy.testing.harness import Harness
from appsmith_proxy.testing.suite import Suite

_MARKER: Final = "kit-marker-4711"

_BAD_VALUES: Final[Sequence[Any]] = (
    [],
    [[_MARKER]],
    {},
    {"$gt": _MARKER},
    {"kit": None},
    {"kit": [_MARKER]},
    -1,
    1.5,
    2**70,
    True,
    "",
    _MARKER,
    f"{_MARKER}\x00",
    f"http://{_MARKER}@x/",
    f"../{_MARKER}",
    f"{_MARKER}?a=b&c=d",
    _MARKER * 10_000,
    [{"name": _MARKER}],
    [{"name": "", "value": _MARKER}],
    {"\r\n": _MARKER},
)
"""Values of the wrong type or form for most fields. A field may take some of them; none may crash the check."""


class ConfigurationSuite(Suite):
    """What a form, a schema, sealing and the docs are made from."""

    def test_configuration_fields_are_well_formed(self, harness: Harness) -> None:
        driver = harness.driver()
        assert not list(_malformed("fields", driver.fields)), "; ".join(_malformed("fields", driver.fields))
        names = [row.name for row in driver.fields]
        assert len(names) == len(set(names)), "two fields have one name"

    def test_configuration_actions_are_well_formed(self, harness: Harness) -> None:
        actions = harness.driver().actions
        assert not list(_malformed("actions", actions)), "; ".join(_malformed("actions", actions))
        assert not [row.name for row in actions if row.secret], "an action is readable: it can hold no secret"
        for name in {row.name for row in actions}:
            rows = [row for row in actions if row.name == name]
            assert len(rows) == 1 or _exclude_each_other(rows), f"{name} occurs twice without excluding conditions"

    def test_configuration_options_are_well_formed(self, harness: Harness) -> None:
        options = harness.driver().options
        assert not list(_malformed("options", options)), "; ".join(_malformed("options", options))
        assert not [row.name for row in options if row.secret or row.destination], "options hold no secrets"

    def test_configuration_of_the_harness_is_valid(self, harness: Harness) -> None:
        driver = harness.driver()
        assert driver.validate(harness.configuration(), frozenset(harness.secrets())) == []

    def test_configuration_required_fields_are_required(self, harness: Harness) -> None:
        driver = harness.driver()
        names = {row.name for row in driver.fields if row.required and row.default is None and row.shown_when is None}
        paths = {problem.path for problem in driver.validate({}, frozenset())}
        assert {f"configuration.{name}" for name in names} <= paths, "every problem is reported, not only the first"

    def test_configuration_unknown_fields_are_refused(self, harness: Harness) -> None:
        driver = harness.driver()
        unknown = {**harness.configuration(), "kitUnknown": _MARKER}
        problems = driver.validate(unknown, frozenset(harness.secrets()))
        assert "configuration.kitUnknown" in {problem.path for problem in problems}

    def test_configuration_bad_values_are_reported(self, harness: Harness) -> None:
        """Whatever stands in a field, the answer is a list of problems with paths, and never quotes the value."""
        driver = harness.driver()
        secrets = frozenset(harness.secrets())
        for row, bad in itertools.product(driver.fields, _BAD_VALUES):
            if row.secret:
                continue
            problems = driver.validate({**harness.configuration(), row.name: bad}, secrets)
            taken = not check_configuration([_bare(row)], {row.name: bad})[1]
            assert taken or problems, f"{row.name} takes what the table refuses: call super().validate"
            for problem in problems:
                assert problem.path.startswith("configuration"), f"path {problem.path!r} does not say where"
                assert _MARKER not in f"{problem}", f"the problem of {row.name} quotes the value"

    def test_configuration_check_is_pure(self, harness: Harness) -> None:
        driver = harness.driver()
        given = harness.configuration()
        before = copy.deepcopy(given)
        first = driver.validate(given, frozenset())
        assert given == before, "validate changed what it was given"
        assert driver.validate(given, frozenset()) == first, "validate answers differently the second time"

    def test_configuration_has_a_schema(self, harness: Harness) -> None:
        schema = json_schema(harness.driver().fields)
        secret = {row.name for row in harness.driver().fields if row.secret}
        assert {name for name, part in schema["properties"].items() if part.get("writeOnly")} == secret


def _malformed(table: str, rows: Sequence[Field]) -> Iterator[str]:
    """Yield what is wrong with a table as a table."""
    names = {row.name for row in rows}
    for row in rows:
        where = f"{table}.{row.name}"
        if not re.fullmatch(r"[a-z][A-Za-z0-9]*", row.name):
            yield f"{where}: names are lowerCamelCase"
        if not row.label:
            yield f"{where}: has no label"
        if (row.type is FieldType.CHOICE) != bool(row.choices):
            yield f"{where}: choices belong to choice fields, and only to them"
        if row.ordered and not row.destination:
            yield f"{where}: ordered says which change of a destination is harmless"
        if row.secret and (row.default is not None or row.destination):
            yield f"{where}: a secret has no default, and is no destination"
        if row.shown_when is not None and (row.shown_when[0] not in names - {row.name} or not row.shown_when[1]):
            yield f"{where}: shown_when names no other field"
        if row.default is not None and check_configuration([_bare(row)], {row.name: row.default})[1]:
            yield f"{where}: the default does not pass the field's own check"


def _bare(row: Field) -> Field:
    """Return the row without its condition."""
    return Field(
        name=row.name,
        type=row.type,
        label=row.label,
        choices=row.choices,
        minimum=row.minimum,
        maximum=row.maximum,
        max_length=row.max_length,
    )


def _exclude_each_other(rows: Sequence[ActionField]) -> bool:
    conditions = [row.shown_when for row in rows]
    if None in conditions or len({condition[0] for condition in conditions if condition}) != 1:
        return False
    values = [value for condition in conditions if condition for value in condition[1]]
    return len(values) == len(set(values))
