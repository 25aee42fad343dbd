"""Optional blocks: where they are, what is plain text, and what each rule refuses."""

import pytest

from appsmith_proxy.sdk import StatementClass
from appsmith_proxy.template.blocks import MAX_BLOCKS, MAX_OPENINGS, MAX_READ, find_blocks, misplaced
from appsmith_proxy.template.clauses import Walk
from appsmith_proxy.template.lexer import lex, significant
from appsmith_proxy.template.statements import Nature, Refusal, nature_of
from appsmith_proxy.template.tokenizer import find_holes
from tests.unit.template.drivers import DIALECTS

dialects = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
BLOCK = "SELECT * FROM t WHERE a = 1 [[ AND b = {{b}} ]] ORDER BY a"


@dialects
def test_a_block_keeps_every_offset(dialect: object) -> None:
    found = find_blocks(BLOCK, dialect)  # type: ignore[arg-type]  # reason: parametrised
    (block,) = found.blocks
    assert not found.refusals
    assert found.text == "SELECT * FROM t WHERE a = 1    AND b = {{b}}    ORDER BY a"
    assert BLOCK[block.start : block.end] == "[[ AND b = {{b}} ]]"
    assert (block.opener, block.names, BLOCK[block.at : block.at + 3]) == ("AND", ("b",), "AND")
    assert block.holds(block.start)
    assert not block.holds(block.end)


@dialects
@pytest.mark.parametrize(
    ("body", "opener"),
    [
        ("SELECT a FROM t [[WHERE a = {{x}}]]", "WHERE"),
        ("SELECT a FROM t GROUP BY a [[HAVING count(*) > {{x}}]]", "HAVING"),
        ("SELECT a FROM t [[ORDER BY a = {{x}}]]", "ORDER"),
        ("SELECT a FROM t [[limit {{x}}]]", "LIMIT"),
        ("SELECT a FROM t LIMIT 5 [[OFFSET {{x}}]]", "OFFSET"),
        ("SELECT a [[, {{x}} AS x]] FROM t", ","),
        ("SELECT a FROM t WHERE true [[AND a LIKE '%{{x}}%' AND (b = {{y}} OR c[1] = {{y}})]]", "AND"),
    ],
)
def test_what_opens_a_block(dialect: object, body: str, opener: str) -> None:
    found = find_blocks(body, dialect)  # type: ignore[arg-type]  # reason: parametrised
    assert [block.opener for block in found.blocks] == [opener]
    assert not found.refusals


@dialects
@pytest.mark.parametrize(
    "body",
    [
        "SELECT '[[ AND a = {{x}} ]]'",
        "SELECT 1 -- [[ AND a = {{x}} ]]",
        "SELECT 1 /* [[ AND a = {{x}} ]] */",
        "SELECT 1 WHERE a = {{x}}",
        "SELECT {{ a[[0]] }}",
    ],
)
def test_what_is_plain_text_everywhere(dialect: object, body: str) -> None:
    found = find_blocks(body, dialect)  # type: ignore[arg-type]  # reason: parametrised
    assert (found.text, found.blocks, found.refusals) == (body, (), ())


@pytest.mark.parametrize(
    "body",
    [
        "SELECT ARRAY[[{{x}}, 2], [3, 4]]",
        "SELECT ARRAY [[1, {{x}}]]",
        "SELECT a[b[{{x}}]] FROM t",
        "SELECT ARRAY[[[{{x}}]]]",
        "SELECT a[ [[AND {{x}}]] ] FROM t",
        "SELECT ARRAY[ARRAY[1], ARRAY[{{x}}]]",
        "SELECT a FROM t WHERE b = 1 [[ AND c = 2 ]]",
        "SELECT a FROM t [[ AND c = {{x}}",
        "SELECT a[[1]] FROM t WHERE x = {{x}}",
    ],
)
def test_what_is_plain_text_where_brackets_mean_something(body: str) -> None:
    found = find_blocks(body, DIALECTS["postgres"])
    assert (found.text, found.blocks, found.refusals) == (body, (), ())


@dialects
@pytest.mark.parametrize(
    ("body", "place", "word"),
    [
        ("SELECT a FROM t WHERE a [[OR b = {{x}}]]", "[[OR", "begin with OR"),
        ("SELECT a FROM t WHERE [[b = {{x}} AND]] a", "[[b", "begins with AND"),
        ("SELECT a FROM t [[FETCH FIRST {{x}} ROWS ONLY]]", "[[FETCH", "begins with AND"),
        ("SELECT a FROM t WHERE a [[AND b = {{x}} [[AND c = {{y}}]] ]]", "[[AND c", "inside another"),
        ("SELECT a FROM t WHERE (a [[AND b = {{x}})]]", ")]]", "no partner"),
        ("SELECT a FROM t WHERE a [[AND (b = {{x}} ]] )", "(b", "no partner"),
        ("SELECT a FROM t WHERE a [[AND b = {{x}} AND u = {{appsmith.user.id}}]]", "[[AND", "filled in by the server"),
        ("SELECT a FROM t WHERE a [[AND u = '{{appsmith.user.email}}']]", "[[AND", "filled in by the server"),
    ],
)
def test_what_a_block_may_not_be(dialect: object, body: str, place: str, word: str) -> None:
    found = find_blocks(body, dialect)  # type: ignore[arg-type]  # reason: parametrised
    assert not found.blocks
    assert [word in refusal.message for refusal in found.refusals] == [True]
    assert found.refusals[0].offset == body.index(place)


def test_brackets_of_a_subscript_close_no_block() -> None:
    body = "SELECT a FROM t WHERE true [[AND a[b[{{x}}]] = 1]]"
    found = find_blocks(body, DIALECTS["postgres"])
    assert not found.refusals
    assert [body[block.start : block.end] for block in found.blocks] == ["[[AND a[b[{{x}}]] = 1]]"]


def test_a_partner_is_of_the_same_kind() -> None:
    body = "SELECT a FROM t WHERE a [[AND (b[1) = {{x}}]]]"
    assert [refusal.offset for refusal in find_blocks(body, DIALECTS["postgres"]).refusals] == [body.index(")")]


def test_blocks_and_brackets_are_bounded() -> None:
    many = "SELECT 1 WHERE true" + " [[AND a = {{x}}]]" * (MAX_BLOCKS + 1)
    assert [refusal.message for refusal in find_blocks(many, DIALECTS["sqlite"]).refusals] == [
        f"more than {MAX_BLOCKS} optional blocks in one statement"
    ]
    brackets = "SELECT 1 WHERE true" + " [[a]]" * (MAX_OPENINGS + 1)
    assert "double brackets" in find_blocks(brackets, DIALECTS["postgres"]).refusals[0].message
    long = f"SELECT '{'a' * 90_000}' WHERE true"
    fitting = long + " [[a]]" * (MAX_READ // 91_000)
    assert not find_blocks(fitting, DIALECTS["postgres"]).refusals
    assert "double brackets" in find_blocks(fitting + " [[a]]" * 2, DIALECTS["postgres"]).refusals[0].message


def _misplaced(body: str, dialect: str = "postgres") -> list[Refusal]:
    found = find_blocks(body, DIALECTS[dialect])
    assert found.blocks
    lexemes = lex(found.text, find_holes(found.text), DIALECTS[dialect])
    walk = Walk(tuple(significant(lexemes)))
    assert list(walk)
    nature = nature_of(walk.lexemes, walk, DIALECTS[dialect])
    assert isinstance(nature, Nature)
    return list(misplaced(found.blocks, walk, nature))


@pytest.mark.parametrize(
    "body",
    [
        "UPDATE t SET a = 1 WHERE b = 2 [[AND c = {{x}}]]",
        "UPDATE t SET a = 1 [[WHERE c = {{x}}]]",
        "UPDATE t SET a = b [[AND c = {{x}}]] WHERE d = 1",
        "UPDATE t [[, (SELECT {{x}} AS a) s]] SET a = 1",
        "DELETE FROM t [[WHERE c = {{x}}]]",
        "DELETE FROM t USING s [[, LATERAL (SELECT {{x}}) u]] WHERE t.a = s.a",
        "UPDATE t SET a = 1 FROM s JOIN u ON s.a = u.a [[AND u.b = {{x}}]] WHERE s.b = t.b",
        "INSERT INTO t SELECT * FROM s WHERE a [[AND b = {{x}}]]",
        "INSERT INTO t SELECT * FROM s [[LIMIT {{x}}]]",
        "INSERT INTO t (a, b) VALUES (1 [[, {{x}}]])",
        "WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone WHERE true [[AND a = {{x}}]]",
        "MERGE INTO t USING s ON t.a = s.a [[AND s.b = {{x}}]] WHEN MATCHED THEN DELETE",
        "SELECT * FROM t WHERE true [[AND a = {{x}}]] FOR UPDATE",
    ],
)
def test_what_would_widen_a_write_is_refused(body: str) -> None:
    assert ["would change more rows" in refusal.message for refusal in _misplaced(body)] == [True]


@pytest.mark.parametrize(
    "body",
    [
        "UPDATE t SET a = 1 [[, b = {{x}}]] WHERE c = 2",
        "INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 1 [[, b = {{x}}]]",
        "INSERT INTO t (a) VALUES (1) RETURNING a [[, {{x}}::text]]",
        "SELECT a FROM t WHERE true [[AND b = {{x}}]]",
    ],
)
def test_what_only_leaves_a_value_out_is_not(body: str) -> None:
    assert not _misplaced(body)


def test_no_dialect_lets_a_write_through_by_its_class() -> None:
    assert {dialect.first_words["DELETE"] for dialect in DIALECTS.values()} == {StatementClass.WRITE}
