"""The compiler's output goes with its version: a plan that changes under the same version would be refused as forged."""

import json
from typing import Any, Final

import pytest

from appsmith_proxy.model.plan import COMPILER_VERSION
from tests.golden.plans import DIGESTS, changed, digests

KEPT: Final[dict[str, Any]] = json.loads(DIGESTS.read_text())
WRITE: Final = "write the digests anew with `.venv/bin/python -m tests.golden.plans`"


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return digests()


def test_plans_change_with_the_compilers_version_only(made: dict[str, str]) -> None:
    others = changed(KEPT["plans"], made)
    assert not others, f"the compiler's output has changed: raise COMPILER_VERSION, then {WRITE}"


def test_the_digests_are_those_of_this_version_and_of_every_action(made: dict[str, str]) -> None:
    assert (KEPT["compiler"], set(KEPT["plans"])) == (COMPILER_VERSION, set(made)), WRITE


def test_the_list_is_broad_and_nothing_of_it_is_refused(made: dict[str, str]) -> None:
    assert len(made) > 250
    assert [name for name, digest in made.items() if digest.startswith("refused")] == []


def test_a_plan_that_changes_is_told_from_actions_that_come_and_go() -> None:
    assert changed({"a": "1", "b": "1"}, {"b": "2", "c": "1"}) == ["b"]
