"""What a statement can leave in a MySQL session, and how to see it: each must be gone for the next execution."""

from typing import Final

STATES: Final[tuple[tuple[str, str, str], ...]] = (
    # name, what changes it, what sees it
    ("user variable", "SET @kit = 'mallory'", "SELECT @kit"),
    ("user variable in a read", "SELECT @kit := 'mallory'", "SELECT @kit"),
    ("sql mode", "SET SESSION sql_mode = 'ANSI_QUOTES'", "SELECT @@sql_mode"),
    ("time zone", "SET time_zone = '+09:00'", "SELECT CAST(FROM_UNIXTIME(0) AS CHAR)"),
    ("clock", "SET timestamp = 1", "SELECT NOW() < '2000-01-01'"),
    ("characters", "SET NAMES latin1", "SELECT @@character_set_results"),
    ("days' names", "SET lc_time_names = 'de_DE'", "SELECT DATE_FORMAT('2024-01-01', '%W')"),
    ("digits of divisions", "SET div_precision_increment = 9", "SELECT CAST(1 / 3 AS CHAR)"),
    ("limit of reads", "SET sql_select_limit = 0", "SELECT COUNT(*) FROM (SELECT 1 FROM kit_trapped LIMIT 1) x"),
    ("length of groups", "SET group_concat_max_len = 4", "SELECT GROUP_CONCAT('abcdefgh')"),
    ("checks", "SET foreign_key_checks = 0", "SELECT @@foreign_key_checks"),
    ("autocommit", "SET autocommit = 0", "SELECT @@autocommit"),
    ("isolation", "SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED", "SELECT @@tx_isolation"),
    ("read only", "SET SESSION TRANSACTION READ ONLY", "SELECT @@tx_read_only"),
    ("ceiling", "SET max_statement_time = 77", "SELECT CAST(@@max_statement_time AS CHAR)"),
    ("role", "SET ROLE kit_role", "SELECT CURRENT_ROLE()"),
    ("database", "USE mysql", "SELECT DATABASE()"),
    ("temporary table", "CREATE TEMPORARY TABLE kit_temp AS SELECT 1 AS x", "SELECT COUNT(*) FROM kit_temp"),
    (
        "table in the way",
        "CREATE TEMPORARY TABLE kit_rows AS SELECT 'fake' AS note",
        "SELECT COUNT(*) FROM kit_rows WHERE note = 'fake'",
    ),
    ("prepared name", "CALL kit_prepare()", "SELECT kit_has_prepared()"),
    ("lock", "SELECT GET_LOCK('kit_lock', 0)", "SELECT IS_USED_LOCK('kit_lock') IS NOT NULL"),
    ("last id", "SELECT LAST_INSERT_ID(4711)", "SELECT LAST_INSERT_ID()"),
    ("last id of an insert", "INSERT INTO kit_trapped (note) VALUES ('x')", "SELECT LAST_INSERT_ID()"),
    ("sequence", "SELECT NEXTVAL(kit_sequence)", "SELECT LASTVAL(kit_sequence)"),
    ("found rows", "SELECT SQL_CALC_FOUND_ROWS n FROM kit_numbers LIMIT 1", "SELECT FOUND_ROWS()"),
    ("row count", "UPDATE kit_trapped SET note = 'y' WHERE id = -1", "SELECT ROW_COUNT()"),
    ("table locks", "LOCK TABLES kit_trapped READ", "SELECT COUNT(*) FROM kit_child"),
    ("open transaction", "START TRANSACTION", "SELECT @@in_transaction"),
    ("transaction of a procedure", "CALL kit_begin()", "SELECT @@in_transaction"),
    ("distributed transaction", "XA START 'kit'", "SELECT @@in_transaction"),
    ("handler", "HANDLER kit_trapped OPEN", "HANDLER kit_trapped READ FIRST"),
    ("seed", "SET rand_seed1 = 1, rand_seed2 = 1", "SELECT CAST(RAND() AS CHAR) = '0.0000000037252902984619140625'"),
    ("trigger", "INSERT INTO kit_trapped (note) VALUES ('x')", "SELECT @kit_trapped"),
    ("function of a view", "SELECT * FROM kit_view", "SELECT @kit_viewed"),
    ("planner", "SET optimizer_switch = 'mrr=on'", "SELECT @@optimizer_switch LIKE '%mrr=on%'"),
    ("profile", "SET profiling = 1", "SELECT @@profiling"),
    ("history", "SET system_versioning_asof = '2020-01-01'", "SELECT @@system_versioning_asof"),
    ("binary log", "SET sql_log_bin = 0", "SELECT @@sql_log_bin"),
)

SETUP: Final = """
CREATE SEQUENCE kit_sequence;
CREATE TABLE kit_trapped (id INT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(20));
CREATE TRIGGER kit_trap BEFORE INSERT ON kit_trapped FOR EACH ROW SET @kit_trapped = 'yes';
CREATE FUNCTION kit_remember() RETURNS INT BEGIN SET @kit_viewed = 'yes'; RETURN 1; END;
CREATE VIEW kit_view AS SELECT kit_remember() AS x;
CREATE PROCEDURE kit_begin() BEGIN START TRANSACTION; INSERT INTO kit_trapped (note) VALUES ('open'); END;
CREATE PROCEDURE kit_prepare() PREPARE kit_prepared FROM 'SELECT 1';
CREATE FUNCTION kit_has_prepared() RETURNS INT RETURN (SELECT VARIABLE_VALUE > 10 FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'Com_prepare_sql');
CREATE ROLE IF NOT EXISTS kit_role;
GRANT kit_role TO admin@'127.0.0.1';
"""
