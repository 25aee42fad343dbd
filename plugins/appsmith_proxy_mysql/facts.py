"""Whether a statement can leave anything in its session, by catalog facts. False when in doubt.

A plain INSERT may fire a trigger that sets variables, so a text alone proves nothing. A reset between two executions of
the same action is skipped only when nothing of the user's can run at all:

- the statement reads or writes base tables of engines of the server's own, in the datasource's database: no views,
  sequences, tables of other databases;
- tables that it may write have no triggers. Where the server shows triggers to their owners alone (MySQL), every write
  is in doubt. (A foreign key's cascade fires none.)
- what is called, by the statement or by a default, check or generated column of such a table, is on a kept list of the
  server's own functions, and no stored function has the name of any word of the statement;
- there is no ``@``: no variable is read or set.

Words are taken from the whole text, comments and literals too: more words can only lead to "in doubt". A text in which a
name may hold what is no letter, digit or underscore of ASCII is in doubt, for no word is that name.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from appsmith_proxy.sdk import Parameter, ParameterType, Statement
from appsmith_proxy_mysql.pins import MARIADB
from appsmith_proxy_mysql.wire import Wire
from appsmith_proxy_mysql.words import READS, WRITES, first_word, words

_MAX_WORDS: Final = 500

_GRAMMAR_WORDS: Final = """\
all and any as between by case distinct div else except exists force from having if ignore in index interval intersect
into is join key like limit match mod not on or order over partition recursive regexp returning rlike select set some
then union use using value values when where window with xor
binary char character date datetime dec decimal double float nchar numeric signed time timestamp unsigned varchar"""
_FUNCTION_WORDS: Final = """\
abs acos adddate addtime against any_value ascii asin atan atan2 avg bin bin_to_uuid bit_and bit_count bit_length bit_or
bit_xor cast ceil ceiling char_length character_length chr coalesce coercibility collation concat concat_ws connection_id
conv convert convert_tz cos cot count crc32 cume_dist curdate current_date current_role current_time current_timestamp
current_user curtime database date_add date_format date_sub datediff day dayname dayofmonth dayofweek dayofyear degrees
dense_rank elt exp export_set extract field find_in_set first_value floor format from_base64 from_days from_unixtime
get_format greatest group_concat grouping hex hour ifnull inet6_aton inet6_ntoa inet_aton inet_ntoa insert instr is_ipv4
is_ipv6 is_uuid isnull json_array json_array_append json_array_insert json_arrayagg json_compact json_contains
json_contains_path json_depth json_detailed json_equals json_exists json_extract json_insert json_keys json_length
json_loose json_merge json_merge_patch json_merge_preserve json_normalize json_object json_objectagg json_overlaps
json_pretty json_query json_quote json_remove json_replace json_search json_set json_table json_type json_unquote
json_valid json_value lag last_day last_value lcase lead least left length ln localtime localtimestamp locate log log10
log2 lower lpad ltrim make_set makedate maketime max md5 median microsecond mid min minute month monthname name_const
natural_sort_key now nth_value ntile nullif nvl nvl2 oct octet_length ord percent_rank percentile_cont percentile_disc
period_add period_diff pi position pow power quarter quote radians rand random_bytes rank regexp_instr regexp_like
regexp_replace regexp_substr repeat replace reverse right round row row_number rpad rtrim schema sec_to_time second
session_user sha sha1 sha2 sign sin sleep soundex space sqrt std stddev stddev_pop stddev_samp str_to_date strcmp subdate
substr substring substring_index subtime sum sys_guid sysdate system_user tan time_format time_to_sec timediff
timestampadd timestampdiff to_base64 to_char to_days to_seconds trim truncate ucase unhex unix_timestamp upper user
utc_date utc_time utc_timestamp uuid uuid_to_bin var_pop var_samp variance version week weekday weekofyear
weight_string year yearweek"""
HARMLESS: Final = frozenset(f"{_GRAMMAR_WORDS} {_FUNCTION_WORDS}".split())
"""Words that may stand before a parenthesis: grammar, types, and functions that leave nothing which another execution of
the same action could see. Not among them: locks, ``last_insert_id``, sequences, ``found_rows``, ``row_count``, files."""

_CALL: Final = re.compile(r"(\binto\s++`?)?(?<![A-Za-z0-9_$])([A-Za-z0-9_$]++)`?\s*+\(", re.IGNORECASE)
"""A word before a parenthesis; after INTO it is a table with its columns."""
_AFTER_COMMENT: Final = re.compile(r"\*/\s*+\(")
_ON_NEXT_LINE: Final = re.compile(r"\n\s*+\(")
_SIMPLE_QUOTED: Final = re.compile(r"`[A-Za-z0-9_$]+`")

_TRANSACTIONAL: Final = "'InnoDB', 'ROCKSDB', 'ndbcluster'"
_ENGINES: Final = f"{_TRANSACTIONAL}, 'Aria', 'MyISAM', 'MEMORY', 'ARCHIVE'"
_FACTS: Final = Statement(
    text=f"""
SELECT (SELECT COUNT(*) FROM information_schema.SCHEMATA
        WHERE FIND_IN_SET(LOWER(SCHEMA_NAME), ?) AND SCHEMA_NAME <> DATABASE())
     + (SELECT COUNT(*) FROM information_schema.ROUTINES
        WHERE ROUTINE_SCHEMA = DATABASE() AND FIND_IN_SET(LOWER(ROUTINE_NAME), ?))
     + (SELECT COUNT(*) FROM information_schema.TABLES
        WHERE TABLE_SCHEMA = DATABASE() AND FIND_IN_SET(LOWER(TABLE_NAME), ?)
          AND (TABLE_TYPE <> 'BASE TABLE' OR ENGINE IS NULL OR ENGINE NOT IN ({_ENGINES})))
""",  # noqa: S608  # reason: a constant
    parameters=tuple(Parameter(name=name, type=ParameterType.TEXT) for name in ("words", "words", "words")),
)
"""How much stands against it."""
_TRIGGERS: Final = Statement(
    text="""
SELECT COUNT(*) FROM information_schema.TRIGGERS
WHERE EVENT_OBJECT_SCHEMA = DATABASE() AND FIND_IN_SET(LOWER(EVENT_OBJECT_TABLE), ?)
""",
    parameters=(Parameter(name="words", type=ParameterType.TEXT),),
)
_EXPRESSIONS: Final = Statement(
    text="""
SELECT CONCAT_WS(' ', COLUMN_DEFAULT, GENERATION_EXPRESSION, EXTRA) FROM information_schema.COLUMNS
WHERE TABLE_SCHEMA = DATABASE() AND FIND_IN_SET(LOWER(TABLE_NAME), ?)
UNION ALL
SELECT CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS
WHERE CONSTRAINT_SCHEMA = DATABASE() AND FIND_IN_SET(LOWER(TABLE_NAME), ?)
""",
    parameters=(Parameter(name="words", type=ParameterType.TEXT), Parameter(name="words", type=ParameterType.TEXT)),
)


_LOOSE: Final = Statement(
    text=f"""
SELECT COUNT(*), COALESCE(SUM(FIND_IN_SET(LOWER(TABLE_NAME), ?) > 0), 0) FROM information_schema.TABLES
WHERE (TABLE_SCHEMA = DATABASE() OR FIND_IN_SET(LOWER(TABLE_SCHEMA), ?))
  AND TABLE_TYPE = 'BASE TABLE' AND ENGINE NOT IN ({_TRANSACTIONAL})
  AND TABLE_SCHEMA NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')
""",  # noqa: S608  # reason: a constant
    parameters=(Parameter(name="words", type=ParameterType.TEXT), Parameter(name="words", type=ParameterType.TEXT)),
)
"""Tables without transactions: in the databases that the statement may mean, and of them those that it may name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a text tells by itself."""

    words: frozenset[str]
    writes: bool


@dataclass(frozen=True, slots=True)
class Undoing:
    """Whether what a write has done can be taken back."""

    certain: bool
    """No table that it could reach, through triggers and views too, is without transactions."""
    named: bool
    """A table that it names is."""


async def leaves_nothing(wire: Wire, statement: Statement) -> bool:
    """Ask the catalog whether a statement leaves nothing in its session."""
    reading = read_text(statement.text)
    return reading is not None and await _harmless(wire, reading)


async def undoing(wire: Wire, statement: Statement) -> Undoing:
    """Ask whether what a write has done is taken back when it fails, or with its transaction."""
    found = ",".join(words(statement.text))
    ((loose, named),) = await wire.fetch(_LOOSE, found, found)
    if int(named) or not loose:
        return Undoing(certain=not loose, named=bool(int(named)))
    return Undoing(certain=not await _reaches_others(wire, found), named=False)


def read_text(text: str) -> Reading | None:
    """Return what a text tells by itself; None when that does not tell enough."""
    if not text.isascii() or "@" in text or "`" in _SIMPLE_QUOTED.sub(" ", text):
        return None
    first, found = first_word(text), words(text)
    if first not in READS | WRITES or len(found) > _MAX_WORDS:
        return None
    if "into" in found and first not in ("insert", "replace"):  # SELECT … INTO writes a file, or variables
        return None
    if not _calls_only_harmless(text):
        return None
    return Reading(words=found, writes=not found.isdisjoint(WRITES))


async def _harmless(wire: Wire, reading: Reading) -> bool:
    found = ",".join(reading.words)
    if await _reaches_others(wire, found, fires=reading.writes):
        return False
    return not reading.writes or _plain(text for (text,) in await wire.fetch(_EXPRESSIONS, found, found))


async def _reaches_others(wire: Wire, found: str, *, fires: bool = True) -> bool:
    """Return whether words may name more than tables: views, functions, other databases; or tables that fire triggers."""
    ((against,),) = await wire.fetch(_FACTS, found, found, found)
    if against or not fires:
        return bool(against)
    if wire.server.product != MARIADB:
        return True
    ((triggers,),) = await wire.fetch(_TRIGGERS, found)
    return bool(triggers)


def _plain(expressions: Iterable[str]) -> bool:
    """Return whether expressions of the catalog call what is on the list, and nothing else."""
    return all("@" not in text and _calls_only_harmless(text) for text in expressions)


def _calls_only_harmless(text: str) -> bool:
    """Return whether what stands before a parenthesis is on the list, and no comment stands between the two: where it
    begins, a literal could say."""
    if _AFTER_COMMENT.search(text) or (("--" in text or "#" in text) and _ON_NEXT_LINE.search(text)):
        return False
    return all(into or name.lower() in HARMLESS for into, name in _CALL.findall(text))
