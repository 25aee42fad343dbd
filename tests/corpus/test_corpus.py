"""The corpus itself: every row can be read, is there once, and says something that a place can keep."""

import json
import re
from collections import Counter
from importlib.resources import files
from typing import Final

import orjson
import pytest

from appsmith_proxy.testing.corpus import ACTIONS, SEEDS, VALUES, Is, Seed, Verdict
from appsmith_proxy.testing.injection_sql import TYPES

EVERY: Final = (*VALUES, *ACTIONS)
THREATS: Final = {
    "SQL value breakers": ("quotes", "literals", "comments", "conditions", "encodings", "patterns"),
    "SQL identifier positions": ("identifiers", "choices"),
    "placements": ("placements",),
    "multi-statement": ("statement_ends", "statements"),
    "type juggling": ("juggling", "identities"),
    "numbers": ("numbers",),
    "text": ("text", "zeros", "halves", "lengths", "markup"),
    "dates": ("dates",),
    "JSON": ("json_texts",),
    "Mongo": ("json_texts", "juggling", "documents"),
    "REST path": ("paths", "requests"),
    "headers": ("headers",),
    "queries": ("queries",),
    "hosts": ("hosts",),
    "template/binding grammar": ("placeholders", "grammar"),
}
"""The classes of bad input that can stand in a value or an action → those of the file."""
FAMILIES: Final = {"sql": ("postgres", "mysql", "sqlite"), "http": ("rest",), "document": ("mongodb",)}
PLACES: Final = {
    *(
        "text",
        "leaf",
        "oid",
        "regex",
        "inside",
        "json",
        "json_text",
        "segment",
        "header",
        "limit",
        *(kind.value for kind in TYPES),
    ),
    *(
        "operand",
        "quoted",
        "comparison",
        "insert",
        "declared",
        "in_list",
        "like",
        "like_inside",
        "like_wildcards",
        "query",
        "query_name",
        "identifier",
        "table",
        "keyword",
        "choice_block",
        "block_offset",
        *("skip", "stage_limit", "direction", "slice", "oid_list", "wrapped_date", "wrapped_uuid"),
        *("number_int", "number_long", "number_double", "number_decimal"),
        *("binary", "binary_subtype", "timestamp_part", "min_key"),
    ),
}


def test_there_are_enough_seeds() -> None:
    assert len(EVERY) >= 2_500
    assert len(ACTIONS) >= 200


@pytest.mark.parametrize("threat", THREATS)
def test_each_class_of_bad_input_is_there(threat: str) -> None:
    for name in THREATS[threat]:
        assert len(SEEDS[name]) >= 15


def test_each_seed_has_its_own_name() -> None:
    assert not [name for name, count in Counter(seed.id for seed in EVERY).items() if count > 1]
    assert all(re.fullmatch(rf"{seed.group}-\d{{3}}", seed.id) for seed in EVERY)


def test_no_seed_is_there_twice() -> None:
    contents = Counter(json.dumps(seed.action if seed.is_action else seed.value, sort_keys=True) for seed in EVERY)
    assert not [text[:80] for text, count in contents.items() if count > 1]


@pytest.mark.parametrize("group", SEEDS)
def test_rows_hold_what_is_read_and_nothing_else(group: str) -> None:
    for seed in SEEDS[group]:
        kinds = set(seed.row) - {"id", "expected"}
        assert len(kinds) == 1, seed.id
        assert kinds < {"text", "value", "parts", "action"}, seed.id
        assert set(seed.row.get("expected", {})) <= labels(), seed.id
        for label in seed.row.get("expected", {}):
            assert verdict_is_valid(seed, label), f"{seed.id}: {label}"


def labels() -> set[str]:
    scopes = {*FAMILIES, *(kind for kinds in FAMILIES.values() for kind in kinds)}
    return {*scopes, *PLACES, *(f"{scope}.{place}" for scope in scopes for place in PLACES)}


def verdict_is_valid(seed: Seed, label: str) -> bool:
    """Return whether a verdict can be read, and is one for a value, or one for an action."""
    verdict = seed.expected((label,))
    if isinstance(verdict, Is):
        return not seed.is_action and orjson.dumps(verdict.value) != b""
    return verdict in ((Verdict.ACCEPTED, Verdict.REFUSED) if seed.is_action else set(Verdict) - {Verdict.ACCEPTED})


def test_actions_say_to_whom_they_belong() -> None:
    for seed in ACTIONS:
        assert seed.row["expected"], seed.id
        assert set(seed.row["expected"]) <= {*FAMILIES, *(kind for kinds in FAMILIES.values() for kind in kinds)}


def test_the_file_is_written_for_people() -> None:
    """One row a line, ASCII, so that a change of a seed is a change of one line that can be read."""
    text = files("appsmith_proxy.testing").joinpath("corpus.json").read_text(encoding="utf-8")
    assert text.isascii()
    assert len(re.findall(r'^    \{"id": ', text, re.MULTILINE)) == len(EVERY)
    assert max(map(len, text.splitlines())) < 2_000
