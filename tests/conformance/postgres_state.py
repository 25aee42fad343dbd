"""What a statement can leave in a PostgreSQL session, and how to see it: each must be gone for the next execution."""

from typing import Final

STATES: Final[tuple[tuple[str, str, str], ...]] = (
    # name, what changes it, what sees it
    ("setting", "SELECT set_config('work_mem', '99kB', false)", "SELECT current_setting('work_mem')"),
    ("search path", "SET search_path = kit_other", "SELECT current_setting('search_path')"),
    ("time zone", "SET TimeZone = 'Asia/Tokyo'", "SELECT '2024-01-01 00:00+00'::timestamptz::text"),
    ("date style", "SET DateStyle = 'SQL, DMY'", "SELECT '2024-01-31'::date::text"),
    ("interval style", "SET IntervalStyle = 'postgres'", "SELECT '1 day'::interval::text"),
    (
        "own setting",
        "SELECT set_config('kit.user', 'mallory', false)",
        "SELECT nullif(current_setting('kit.user', true), '')",
    ),
    ("role", "SET ROLE kit_role", "SELECT current_user::text"),
    ("session authorization", "SET SESSION AUTHORIZATION kit_role", "SELECT session_user::text"),
    (
        "read only",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "SELECT current_setting('transaction_read_only')",
    ),
    (
        "isolation",
        "SET default_transaction_isolation = 'serializable'",
        "SELECT current_setting('transaction_isolation')",
    ),
    ("statement timeout", "SET statement_timeout = '77s'", "SELECT current_setting('statement_timeout')"),
    ("temporary table", "CREATE TEMP TABLE kit_temp AS SELECT 1 AS x", "SELECT to_regclass('pg_temp.kit_temp')::text"),
    (
        "table in the way",
        "CREATE TEMP TABLE kit_rows AS SELECT 'fake' AS note",
        "SELECT count(*) FROM kit_rows WHERE note = 'fake'",
    ),
    (
        "prepared name",
        "SELECT kit_run('PREPARE kit_prepared AS SELECT 1')",
        "SELECT count(*) FROM pg_prepared_statements WHERE from_sql",
    ),
    (
        "advisory lock",
        "SELECT pg_advisory_lock(4711)",
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
    ),
    ("listening", "LISTEN kit_channel", "SELECT count(*) FROM pg_listening_channels()"),
    (
        "cursor",
        "SELECT kit_run('DECLARE kit_cursor CURSOR WITH HOLD FOR SELECT 1')",
        "SELECT count(*) FROM pg_cursors WHERE name <> ''",
    ),
    ("sequence", "SELECT nextval('kit_sequence')", "SELECT lastval()"),
    ("open transaction", "BEGIN", "SELECT (now() = statement_timestamp())::text"),
    ("failed transaction", "SELECT kit_run('BEGIN')", "SELECT 1"),
    ("seed", "SELECT setseed(0.5)", "SELECT (random() = 0.9851677175347999)::text"),
    (
        "trigger",
        "INSERT INTO kit_trapped (note) VALUES ('x')",
        "SELECT nullif(current_setting('kit.trapped', true), '')",
    ),
    ("rule of a view", "SELECT * FROM kit_view", "SELECT nullif(current_setting('kit.viewed', true), '')"),
    ("planner", "SET enable_seqscan = off", "SELECT current_setting('enable_seqscan')"),
)

SETUP: Final = """
CREATE SCHEMA kit_other;
CREATE SEQUENCE kit_sequence;
CREATE FUNCTION kit_run(command text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE command; END $$;
CREATE TABLE kit_trapped (id serial PRIMARY KEY, note text);
CREATE FUNCTION kit_trap() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM set_config('kit.trapped', 'yes', false); RETURN NEW; END $$;
CREATE TRIGGER kit_trap BEFORE INSERT ON kit_trapped FOR EACH ROW EXECUTE FUNCTION kit_trap();
CREATE VIEW kit_view AS SELECT set_config('kit.viewed', 'yes', false);
"""
