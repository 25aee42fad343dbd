"""Bringing a session back to how it was after connecting, kept statements apart.

``DISCARD ALL`` would do, but it forgets the prepared statements that make the next execution fast. One text, one round
trip, and it fails, so that the connection is closed, when something is left that cannot be undone by name.
"""

from typing import Final

RESET: Final = """\
SET SESSION AUTHORIZATION DEFAULT;
RESET ROLE;
RESET ALL;
CLOSE ALL;
UNLISTEN *;
SELECT pg_catalog.pg_advisory_unlock_all();
DISCARD TEMP;
DISCARD SEQUENCES;
SELECT pg_catalog.setseed((('x' || pg_catalog.left(pg_catalog.gen_random_uuid()::text, 8))::bit(32)::int4 / 2147483649.0)::float8);
SELECT 1 / CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE from_sql) THEN 0 ELSE 1 END
"""
"""The last line fails when an action has made an SQL-level prepared name: one that this driver did not."""

ROLLBACK: Final = "ROLLBACK"
