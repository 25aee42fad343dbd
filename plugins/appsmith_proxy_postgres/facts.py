"""Whether a statement can leave anything in its session, by catalog facts. False when in doubt.

A plain INSERT may fire a trigger that changes settings, so a text alone proves nothing. A reset between two executions of
the same action is skipped only when nothing of the user's can run at all:

- the statement reads or writes plain tables: no views, foreign or partitioned tables, inheritance, rules, row security;
- neither these tables nor those that foreign keys tie to them have triggers of their own;
- their columns, defaults, checks, generated columns and indexes use built-in types, operators and functions only: by
  the words of these expressions, and by what the catalog says that they depend on, for a name may need quotes;
- the database has no operators and no casts of its own;
- every function that any word of the statement, or of those expressions, could name is built in, and either not volatile
  or on a kept list.

Words are taken from the whole text, comments and literals too: more words can only lead to "in doubt". A text in which
a name may hold what is no letter, digit or underscore of ASCII (``f😀``, ``"a""b"``) is in doubt, for no word is that name.
"""

import re
from typing import Final

from appsmith_proxy.sdk import Parameter, Statement
from appsmith_proxy_postgres.wire import Wire

_MAX_WORDS: Final = 500

HARMLESS_VOLATILE: Final = frozenset(
    {
        "clock_timestamp",
        "gen_random_uuid",
        "nextval",
        "pg_sleep",
        "pg_sleep_for",
        "pg_sleep_until",
        "random",
        "random_normal",
        "statement_timestamp",
        "timeofday",
        "uuidv4",
        "uuidv7",
    }
)
"""Volatile built-in functions that leave nothing which another execution of the same action could see."""
RUNS_OTHERS: Final = frozenset(
    {
        "array_in",
        "array_recv",
        "cursor_to_xml",
        "cursor_to_xmlschema",
        "database_to_xml",
        "database_to_xml_and_xmlschema",
        "database_to_xmlschema",
        "domain_in",
        "domain_recv",
        "multirange_in",
        "multirange_recv",
        "pg_input_error_info",
        "pg_input_is_valid",
        "query_to_xml",
        "query_to_xml_and_xmlschema",
        "query_to_xmlschema",
        "range_in",
        "range_recv",
        "record_in",
        "record_recv",
        "schema_to_xml",
        "schema_to_xml_and_xmlschema",
        "schema_to_xmlschema",
        "table_to_xml",
        "table_to_xml_and_xmlschema",
        "table_to_xmlschema",
        "ts_rewrite",
        "ts_stat",
    }
)
"""Built-in functions that read tables named by their arguments, run their arguments, or read a value of a type that an
argument names (a domain's checks call functions), however they are declared."""

_CLASSES: Final = frozenset({"select", "insert", "update", "delete", "merge", "values", "with"})
_BEGIN: Final = re.compile(r"(?:[\s(]|--[^\r\n]*[\r\n]|/\*[^*/]*\*/)*+([a-z]+)", re.IGNORECASE)
"""The first word that is no comment: a comment may begin like a harmless statement."""
_WORD: Final = re.compile(r"[^\W\d][\w$]*")
_SIMPLE_QUOTED: Final = re.compile(r'"[^\W\d]\w*"')
_ESCAPED_QUOTED: Final = re.compile(r'[uU]&"')
_IN_DOUBT: Final = frozenset({"temp", "temporary", "pg_temp", "information_schema"})
"""Words that stand for more than themselves."""

_FACTS: Final = Statement(
    text=r"""
WITH RECURSIVE
named AS (
    SELECT c.oid, c.relkind, c.relnamespace FROM pg_catalog.pg_class c
    WHERE c.relname = ANY ($1::pg_catalog.text[]::pg_catalog.name[])
      AND c.relkind NOT IN ('i', 'I', 'S', 't')
      AND c.relnamespace <> 'information_schema'::pg_catalog.regnamespace
),
tables AS (
    SELECT oid FROM named
    UNION
    SELECT CASE WHEN k.conrelid = t.oid THEN k.confrelid ELSE k.conrelid END
    FROM tables t JOIN pg_catalog.pg_constraint k ON k.contype = 'f' AND t.oid IN (k.conrelid, k.confrelid)
),
expressions AS (
    SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass AS class, d.oid,
           pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS text
    FROM tables t JOIN pg_catalog.pg_attrdef d ON d.adrelid = t.oid
    UNION ALL
    SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid, pg_catalog.pg_get_constraintdef(k.oid)
    FROM tables t JOIN pg_catalog.pg_constraint k ON k.conrelid = t.oid WHERE k.contype = 'c'
    UNION ALL
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, i.indexrelid, pg_catalog.pg_get_indexdef(i.indexrelid)
    FROM tables t JOIN pg_catalog.pg_index i ON i.indrelid = t.oid
    WHERE i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
),
words AS (
    SELECT pg_catalog.unnest($1::pg_catalog.text[]) AS word
    UNION
    SELECT m[1] FROM expressions e, pg_catalog.regexp_matches(e.text, '([[:alpha:]_][[:alnum:]_$]*)', 'g') m
)
SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_operator WHERE oid >= 16384)
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_cast WHERE oid >= 16384)
   AND NOT EXISTS (SELECT FROM words w JOIN pg_catalog.pg_proc p ON p.proname = w.word::pg_catalog.name
                   WHERE p.oid >= 16384
                      OR p.proname = ANY ($3::pg_catalog.text[]::pg_catalog.name[])
                      OR (p.provolatile = 'v' AND p.proname <> ALL ($2::pg_catalog.text[]::pg_catalog.name[])))
   AND NOT EXISTS (SELECT FROM expressions e JOIN pg_catalog.pg_depend d ON d.classid = e.class AND d.objid = e.oid
                   LEFT JOIN pg_catalog.pg_type y
                     ON d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND y.oid = d.refobjid
                   WHERE d.refobjid >= 16384
                     AND (d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass OR y.typtype <> 'e'))
   AND NOT EXISTS (SELECT FROM words w JOIN pg_catalog.pg_type y ON y.typname = w.word::pg_catalog.name
                   WHERE y.oid >= 16384 AND y.typtype <> 'e'
                     AND NOT EXISTS (SELECT FROM named n JOIN pg_catalog.pg_class c USING (oid) WHERE c.reltype = y.oid))
   AND NOT EXISTS (SELECT FROM tables t JOIN pg_catalog.pg_class c USING (oid)
                   LEFT JOIN pg_catalog.pg_am a ON a.oid = c.relam
                   WHERE c.relkind <> 'r' OR c.oid < 16384 OR c.relpersistence = 't' OR c.relhasrules
                      OR c.relrowsecurity OR c.relispartition OR c.relhassubclass OR c.reloftype <> 0
                      OR a.oid >= 16384)
   AND NOT EXISTS (SELECT FROM tables t JOIN pg_catalog.pg_inherits h ON t.oid IN (h.inhrelid, h.inhparent))
   AND NOT EXISTS (SELECT FROM tables t JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.oid WHERE NOT g.tgisinternal)
   AND NOT EXISTS (SELECT FROM tables t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid
                   JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
                   WHERE a.attnum > 0 AND NOT a.attisdropped AND y.oid >= 16384 AND y.typtype <> 'e')
   AND NOT EXISTS (SELECT FROM tables t JOIN pg_catalog.pg_index i ON i.indrelid = t.oid
                   WHERE EXISTS (SELECT FROM pg_catalog.unnest(i.indclass::pg_catalog.oid[]) u(oid) WHERE u.oid >= 16384))
   AND NOT EXISTS (SELECT FROM tables t JOIN pg_catalog.pg_constraint k ON k.conrelid = t.oid WHERE k.contype = 'x')
""",
    parameters=tuple(Parameter(name=name, type=None, is_list=True) for name in ("words", "kept", "denied")),
)


async def leaves_nothing(wire: Wire, statement: Statement) -> bool:
    """Ask the catalog whether a statement leaves nothing in its session."""
    words = words_of(statement.text)
    if words is None:
        return False
    ((harmless,),) = await wire.fetch(_FACTS, [*words], [*HARMLESS_VOLATILE], [*RUNS_OTHERS])
    return bool(harmless)


def words_of(text: str) -> frozenset[str] | None:
    """Return every word of a statement, as it stands and in lower case; None when words alone do not tell enough."""
    if not text.isascii() or '""' in text or _ESCAPED_QUOTED.search(text) or '"' in _SIMPLE_QUOTED.sub(" ", text):
        return None
    begin = _BEGIN.match(text)
    first = begin[1].lower() if begin else ""
    found = _WORD.findall(text)
    lower = [word.lower() for word in found]
    if first not in _CLASSES or len(lower) > _MAX_WORDS:
        return None
    if "into" in lower and first not in ("insert", "merge"):  # SELECT … INTO makes a table, perhaps a temporary one
        return None
    words = frozenset(found) | frozenset(lower)
    return None if words & _IN_DOUBT or any(word.startswith("pg_temp") for word in words) else words
