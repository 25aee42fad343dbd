"""The first word of a statement, whatever stands before it; when that is not certain there is none."""

import pytest

from appsmith_proxy_mysql.words import first_word, may_leave_read_only


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (" \n( SELECT 1)", "select"),
        ("-- CALL\nselect 1", "select"),
        ("--\nCALL p(\n(SELECT 1))", "call"),
        ("--\tCALL\nSELECT 1", "select"),
        ("# CALL\nSELECT 1", "select"),
        ("/* CALL * / ** */ SELECT 1", "select"),
        ("/**/CALL p()", "call"),
        ("/*!50000 CALL p() */ SELECT 1", ""),
        ("/*M!100100 CALL p() */ SELECT 1", ""),
        ("/*+ SET_VAR(a = 1) */ SELECT 1", ""),
        ("/* SELECT 1", ""),
        ("--x\nSELECT 1", ""),
        ("1", ""),
    ],
)
def test_the_first_word(text: str, word: str) -> None:
    assert first_word(text) == word


@pytest.mark.parametrize(
    ("text", "leaves"),
    [
        ("SELECT 1", False),
        ("/* a / b */ WITH x AS (SELECT 1) SELECT * FROM x", False),
        ("DELETE FROM t", False),  # which the server itself refuses
        ("--\nCALL p(\n(SELECT 1))", True),
        ("FLUSH TABLES", True),
        ("SELECT 1 INTO OUTFILE 'x'", True),
        ("SELECT 1 INTO/**/DUMPFILE 'x'", True),
        ("/*! SELECT */ 1", True),
    ],
)
def test_what_a_read_only_session_would_not_stop(text: str, leaves: bool) -> None:
    assert may_leave_read_only(text) is leaves
