"""Spellings of a write: none of them may change anything in a read-only execution."""

from typing import Final

SETUP: Final = """
CREATE TABLE kit_rows (id INT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(100) CHARACTER SET utf8mb4 NOT NULL);
CREATE TABLE kit_child (id INT AUTO_INCREMENT PRIMARY KEY, parent INT REFERENCES kit_rows (id) ON DELETE CASCADE);
CREATE TABLE kit_loose (id INT) ENGINE = MyISAM;
CREATE TABLE kit_numbers (n INT PRIMARY KEY) AS SELECT seq AS n FROM seq_1_to_100000;
CREATE VIEW kit_updatable AS SELECT * FROM kit_rows;
CREATE SEQUENCE kit_counter;
CREATE FUNCTION kit_insert() RETURNS INT BEGIN INSERT INTO kit_rows (note) VALUES ('f'); RETURN 1; END;
CREATE FUNCTION kit_insert_later() RETURNS INT BEGIN SET SESSION tx_read_only = 0; INSERT INTO kit_rows (note) VALUES ('g'); RETURN 1; END;
CREATE FUNCTION kit_writable() RETURNS INT BEGIN SET SESSION tx_read_only = 0; RETURN 1; END;
CREATE FUNCTION kit_insert_loose() RETURNS INT BEGIN INSERT INTO kit_loose VALUES (1); RETURN 1; END;
CREATE PROCEDURE kit_add() INSERT INTO kit_rows (note) VALUES ('p');
CREATE PROCEDURE kit_commit() BEGIN COMMIT; SET SESSION TRANSACTION READ WRITE; INSERT INTO kit_rows (note) VALUES ('q'); END;
CREATE PROCEDURE kit_unset() BEGIN SET SESSION tx_read_only = 0; COMMIT; INSERT INTO kit_rows (note) VALUES ('r'); END;
"""

WRITES: Final = (
    "INSERT INTO kit_rows (note) VALUES ('x')",
    "INSERT INTO kit_rows (note) VALUES ('x') RETURNING id",
    "/* SELECT */ INSERT INTO kit_rows (note) VALUES ('x')",
    "-- SELECT\nINSERT INTO kit_rows (note) VALUES ('x')",
    "# SELECT\nINSERT INTO kit_rows (note) VALUES ('x')",
    "/*! INSERT INTO kit_rows (note) VALUES ('x') */",
    "/*M! SELECT */ /*! 1, kit_insert() */",
    "UPDATE kit_rows SET note = 'x'",
    "DELETE FROM kit_rows",
    "REPLACE INTO kit_rows (id, note) VALUES (1, 'x')",
    "INSERT INTO kit_rows (id, note) VALUES (1, 'x') ON DUPLICATE KEY UPDATE note = 'y'",
    "INSERT INTO kit_updatable (note) VALUES ('x')",
    "INSERT INTO kit_rows (note) SELECT 'x' FROM kit_numbers WHERE n <= 2",
    "INSERT INTO kit_loose VALUES (1)",
    "UPDATE kit_rows a JOIN kit_child b ON b.parent = a.id SET a.note = 'x'",
    "DELETE a FROM kit_rows a JOIN kit_child b ON b.parent = a.id",
    "SELECT kit_insert()",
    "SELECT COUNT(*) FROM kit_numbers WHERE n < 3 AND kit_insert() > 0",
    "SELECT kit_insert_later()",
    "SELECT kit_writable(), kit_insert()",
    "SELECT kit_insert_loose()",
    "SELECT * FROM (SELECT kit_insert() AS x) y",
    "VALUES (kit_insert())",
    "WITH w AS (SELECT kit_insert()) SELECT * FROM w",
    "SELECT (SELECT kit_insert())",
    "(SELECT kit_insert())",
    "SELECT NEXTVAL(kit_counter)",
    "SELECT SETVAL(kit_counter, 99)",
    "SELECT NEXT VALUE FOR kit_counter",
    "SELECT 1 INTO OUTFILE '/tmp/kit_outfile'",
    "SELECT 1 INTO DUMPFILE '/tmp/kit_outfile'",
    "SET @x = kit_insert()",
    "DO kit_insert()",
    "TRUNCATE kit_rows",
    "CREATE TABLE kit_new (id INT)",
    "CREATE TABLE kit_new AS SELECT 1 AS x",
    "CREATE INDEX kit_index ON kit_rows (note)",
    "ALTER TABLE kit_rows ADD COLUMN more TEXT",
    "RENAME TABLE kit_loose TO kit_new",
    "DROP TABLE kit_child",
    "GRANT SELECT ON kit_rows TO kit_role",
    "ANALYZE TABLE kit_rows",
    "OPTIMIZE TABLE kit_rows",
    "FLUSH TABLES",
    "ANALYZE INSERT INTO kit_rows (note) VALUES ('x')",
    "EXECUTE IMMEDIATE 'INSERT INTO kit_rows (note) VALUES (''e'')'",
    "BEGIN NOT ATOMIC INSERT INTO kit_rows (note) VALUES ('d'); END",
    "SET STATEMENT tx_read_only = 0 FOR INSERT INTO kit_rows (note) VALUES ('s')",
    "LOAD DATA INFILE '/tmp/kit_infile' INTO TABLE kit_rows (note)",
    "CALL kit_add()",
    "CALL kit_commit()",
    "CALL kit_unset()",
)
"""Each is refused: by the server, or, where it would let them through, by the driver before anything is sent."""

ESCAPES: Final = (
    "SELECT kit_writable()",
    "SET SESSION TRANSACTION READ WRITE",
    "SET tx_read_only = 0",
    "START TRANSACTION READ WRITE",
    "CALL kit_unset()",
)
"""What might make the session writable for the next execution. Some are refused, some work and must be undone."""
