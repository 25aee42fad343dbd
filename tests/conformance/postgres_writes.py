"""Spellings of a write: none of them may change anything in a read-only execution."""

from typing import Final

SETUP: Final = """
CREATE TABLE kit_rows (id serial PRIMARY KEY, note text NOT NULL);
CREATE TABLE kit_child (id serial PRIMARY KEY, parent integer REFERENCES kit_rows ON DELETE CASCADE);
CREATE MATERIALIZED VIEW kit_matview AS SELECT 1 AS x;
CREATE VIEW kit_updatable AS SELECT * FROM kit_rows;
CREATE SEQUENCE kit_numbers;
CREATE FUNCTION kit_insert() RETURNS integer LANGUAGE sql AS $$ INSERT INTO kit_rows (note) VALUES ('f') RETURNING id $$;
CREATE FUNCTION kit_insert_later() RETURNS integer LANGUAGE plpgsql AS $$
BEGIN PERFORM set_config('transaction_read_only', 'off', true); INSERT INTO kit_rows (note) VALUES ('g'); RETURN 1; END $$;
CREATE FUNCTION kit_execute(command text) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN EXECUTE command; RETURN 1; END $$;
CREATE PROCEDURE kit_add() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO kit_rows (note) VALUES ('p'); END $$;
CREATE PROCEDURE kit_commit() LANGUAGE plpgsql AS $$
BEGIN COMMIT; SET TRANSACTION READ WRITE; INSERT INTO kit_rows (note) VALUES ('q'); END $$;
CREATE PROCEDURE kit_unset() LANGUAGE plpgsql AS $$
BEGIN PERFORM set_config('default_transaction_read_only', 'off', false); COMMIT; INSERT INTO kit_rows (note) VALUES ('r'); END $$;
"""

WRITES: Final = (
    "INSERT INTO kit_rows (note) VALUES ('x')",
    "INSERT INTO kit_rows (note) VALUES ('x') RETURNING id",
    "/* SELECT */ INSERT INTO kit_rows (note) VALUES ('x')",
    "-- SELECT\nINSERT INTO kit_rows (note) VALUES ('x')",
    "UPDATE kit_rows SET note = 'x'",
    "DELETE FROM kit_rows",
    "MERGE INTO kit_rows t USING (SELECT 1 AS id) s ON t.id = s.id WHEN NOT MATCHED THEN INSERT (note) VALUES ('x')",
    "WITH w AS (INSERT INTO kit_rows (note) VALUES ('x') RETURNING id) SELECT * FROM w",
    "WITH w AS (DELETE FROM kit_rows RETURNING id) SELECT count(*) FROM w",
    "WITH w AS (UPDATE kit_rows SET note = 'y' RETURNING id) SELECT count(*) FROM w",
    "INSERT INTO kit_updatable (note) VALUES ('x')",
    "INSERT INTO kit_rows (note) SELECT 'x' FROM generate_series(1, 2)",
    "TRUNCATE kit_rows CASCADE",
    "SELECT kit_insert()",
    "SELECT count(*) FROM generate_series(1, 2) WHERE kit_insert() > 0",
    "SELECT kit_insert_later()",
    "SELECT kit_execute('INSERT INTO kit_rows (note) VALUES (''e'')')",
    "SELECT kit_execute('CREATE TABLE kit_new (id int)')",
    "VALUES (kit_insert())",
    "SELECT (SELECT kit_insert())",
    "SELECT nextval('kit_numbers')",
    "SELECT setval('kit_numbers', 99)",
    "SELECT * FROM kit_rows FOR UPDATE",
    "SELECT * FROM kit_rows FOR SHARE",
    "SELECT * INTO kit_new FROM kit_rows",
    "CREATE TABLE kit_new (id int)",
    "CREATE TABLE kit_new AS SELECT 1 AS x",
    "CREATE INDEX kit_index ON kit_rows (note)",
    "ALTER TABLE kit_rows ADD COLUMN more text",
    "DROP TABLE kit_child",
    "COMMENT ON TABLE kit_rows IS 'x'",
    "GRANT SELECT ON kit_rows TO PUBLIC",
    "REFRESH MATERIALIZED VIEW kit_matview",
    "DO $$ BEGIN INSERT INTO kit_rows (note) VALUES ('d'); END $$",
    "EXPLAIN ANALYZE INSERT INTO kit_rows (note) VALUES ('x')",
    "COPY kit_rows (note) FROM PROGRAM 'echo x'",
    "SELECT lo_create(0)",
    "NOTIFY kit_channel",
)
"""Each is refused with 25006 when nothing else refuses it first."""

CALLS: Final = ("CALL kit_add()", "CALL kit_commit()", "CALL kit_unset()")
"""Procedures, which may end their transaction and begin another."""

ESCAPES: Final = (
    "SELECT set_config('transaction_read_only', 'off', true)",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "SELECT set_config('default_transaction_read_only', 'off', false)",
    "SET default_transaction_read_only = off",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    "SET TRANSACTION READ WRITE",
    "BEGIN READ WRITE",
    "RESET ALL",
    "DISCARD ALL",
)
"""What might make the session writable for the next execution. Some are refused, some work and must be undone."""
