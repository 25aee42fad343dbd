"""The injection suite catches drivers that paste: in every context, for every class, by every way it looks."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import Final

import pytest

from appsmith_proxy.testing.corpus import SEEDS, Seed
from appsmith_proxy.testing.injection import tried
from appsmith_proxy.testing.suite import INJECTION_KEY
from appsmith_proxy.testing.trial import Tally
from tests.corpus.pasting import PastingDocumentInjection, PastingHttpInjection, PastingSqlInjection
from tests.corpus.sqlite import SqliteInjection
from tests.servers.mongod import MongodServer

_SQL: Final = {
    context.name: replace(context, width=min(context.width, 40))  # of what is stored together only the first is blamed
    for context in PastingSqlInjection.contexts()
    if "text" in context.takes
}
_HTTP: Final = {
    context.name: context
    for context in PastingHttpInjection.contexts()
    if context.name not in ("text", "in_text") and "json" not in context.name  # a plain body has nothing to break
}
_DOCUMENT: Final = {
    context.name: context
    for context in PastingDocumentInjection.contexts()
    if context.name in ("filter", "in", "match", "facet", "lookup_let", "projected", "literal", "projection")
}
_BREAKING_SQL: Final = ("quotes", "literals", "comments", "statement_ends", "conditions", "encodings", "markup")
_BREAKING_HTTP: Final = ("paths", "headers", "queries")


def short(*groups: str) -> Iterator[Seed]:
    """Yield the short seeds of some classes."""
    yield from (seed for group in groups for seed in SEEDS[group] if len(seed.value) < 200)


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[Tally], None]:
    """Tell the report of a control: that it was caught belongs beside the drivers' zeros."""

    def told(tally: Tally) -> None:
        tally.kind = f"{tally.kind} (control that pastes)"
        record_property(INJECTION_KEY, tally.told())

    return told


def guilty(tally: Tally) -> set[str]:
    """Return the classes of the seeds that were not taken as values."""
    return {seed.rpartition("-")[0] for seed, _ in tally.violations if seed}


@pytest.mark.parametrize("name", _SQL)
async def test_pasted_sql_is_caught(name: str, tell: Callable[[Tally], None]) -> None:
    tally = await tried(PastingSqlInjection(), _SQL[name], list(short(*_BREAKING_SQL)))
    tell(tally)
    assert guilty(tally) == set(_BREAKING_SQL)
    assert any("the server was sent" in wrong for _, wrong in tally.violations)


async def test_what_pasted_sql_does_to_the_fixture_is_seen() -> None:
    tally = await tried(PastingSqlInjection(), _SQL["operand"], list(short("statement_ends")))
    assert ("", "the fixture is not what it was") in tally.violations


async def test_what_pasted_sql_stores_is_seen() -> None:
    tally = await tried(PastingSqlInjection(), _SQL["insert"], list(short("quotes")))
    assert ("", "what was stored is not what was sent") in tally.violations


class DeafInjection(SqliteInjection):
    """Looks into a log that is another server's."""

    async def sent(self) -> Collection[str]:
        return ["SELECT 1"]


async def test_a_log_that_does_not_show_what_was_answered_is_no_witness() -> None:
    tally = await tried(DeafInjection(), _SQL["steps"], list(short("harmless")))
    assert len(tally.violations) == 4, "two steps, of one value and of many"
    assert all("the server's log does not show" in wrong for _, wrong in tally.violations)


@pytest.mark.parametrize("name", _HTTP)
async def test_pasted_requests_are_caught(name: str, tell: Callable[[Tally], None]) -> None:
    tally = await tried(PastingHttpInjection(), _HTTP[name], list(short(*_BREAKING_HTTP)))
    tell(tally)
    assert guilty(tally)


@pytest.mark.parametrize("name", _DOCUMENT)
async def test_parsed_values_are_caught(name: str, mongod: MongodServer, tell: Callable[[Tally], None]) -> None:
    harness = PastingDocumentInjection()
    harness.server, harness.database = mongod, "corpus_of_the_control"
    tally = await tried(harness, _DOCUMENT[name], list(short("json_texts", "harmless")))
    tell(tally)
    assert guilty(tally) == {"json_texts"}
    told_by_shapes = any("the server was sent" in wrong for _, wrong in tally.violations)
    assert told_by_shapes or name in ("in", "facet", "literal"), "where an object is a value as others are"


async def test_what_pasted_requests_reach_is_seen() -> None:
    tally = await tried(PastingHttpInjection(), _HTTP["segment"], list(short("paths")))
    assert ("", "the fixture is not what it was") in tally.violations


def test_every_context_of_sql_that_takes_texts_is_tried() -> None:
    wanted = {"operand", "quoted", "inside", "declared", "comparison", "like", "like_inside", "in_list"}
    dynamic = {"block", "block_empty", "blocks", "block_choice", "block_list", "rows", "steps", "step_result"}
    assert wanted | dynamic | {"insert", "update", "json"} <= set(_SQL)
