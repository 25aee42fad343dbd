"""MySQL's SQL as data for the compiler. Holds for MySQL 8 and MariaDB 10.6 and later with the ``sql_mode`` that is pinned.

That is: without ANSI_QUOTES (double quotes hold text), NO_BACKSLASH_ESCAPES (a backslash escapes), PIPES_AS_CONCAT (``||``
is OR) and IGNORE_SPACE.
"""

from typing import Final

from appsmith_proxy.sdk import Concatenation, Dialect, ListForm, LiteralForm, Placeholder, StatementClass

_OTHER_ACCOUNTS: Final = "it changes who may use the server: do it with the server's own tools"
_LOADS_CODE: Final = "it loads code into the server: do it with the server's own tools"
_DIALS_OUT: Final = "it makes the server dial out: do it with the server's own tools"
_FILES: Final = "it reads or writes the server's files: do it with the server's own tools"
_SERVER: Final = "it changes the server itself: do it with the server's own tools"

MYSQL: Final = Dialect(
    name="MySQL",
    placeholder=Placeholder.QUESTION,
    concatenation=Concatenation.FUNCTION,
    list_form=ListForm.PADDED,
    empty_list="SELECT NULL FROM DUAL WHERE FALSE",
    literals=(
        LiteralForm(prefix="", backslash_escapes=True),
        LiteralForm(prefix="", quote='"', backslash_escapes=True),
        LiteralForm(prefix="N", backslash_escapes=True),
        LiteralForm(prefix="B", accepts_binding=False),
        LiteralForm(prefix="X", accepts_binding=False),
    ),
    identifier_quotes=(("`", "`"),),
    double_quoted_is_literal=True,
    author_parameters=r"\?",
    # No ``#``, which begins a comment, no backtick and no question mark; ``@`` is here to be refused below.
    operator_characters="+-*/<>=~!@%^&|",
    line_comments=("--", "#"),
    dash_comment_needs_space=True,
    executable_comments=True,
    # No casts: each value is sent with its declared type beside it, exactly; and LIMIT takes no CAST.
    text_type="",
    first_words={
        "SELECT": StatementClass.READ,
        "VALUES": StatementClass.READ,
        "TABLE": StatementClass.READ,
        "WITH": StatementClass.READ,
        "INSERT": StatementClass.WRITE,
        "REPLACE": StatementClass.WRITE,
        "UPDATE": StatementClass.WRITE,
        "DELETE": StatementClass.WRITE,
        "CALL": StatementClass.CALL,
        "CREATE": StatementClass.DDL,
        "ALTER": StatementClass.DDL,
        "DROP": StatementClass.DDL,
        "TRUNCATE": StatementClass.DDL,
        "RENAME": StatementClass.DDL,
        "EXPLAIN": StatementClass.EXPLAIN,
        "DESCRIBE": StatementClass.EXPLAIN,
        "DESC": StatementClass.EXPLAIN,
    },
    denied_functions=frozenset(
        {
            # run their argument as SQL or as a program
            "execute_prepared_stmt",
            "spider_direct_sql",
            "spider_bg_direct_sql",
            "sys_eval",
            "sys_exec",
            "sys_bineval",
            "statement_performance_analyzer",
            # set settings
            "sys_set",
            "ps_setup_enable_instrument",
            "ps_setup_disable_instrument",
            "ps_setup_enable_consumer",
            "ps_setup_disable_consumer",
            "ps_setup_enable_thread",
            "ps_setup_disable_thread",
            "ps_setup_save",
            "ps_setup_reload_saved",
            "ps_setup_reset_to_default",
            "set_firewall_mode",
            "set_firewall_group_mode",
            "audit_log_filter_set_filter",
            "audit_log_filter_set_user",
            "audit_log_encryption_password_set",
            "version_tokens_set",
            "version_tokens_edit",
            "keyring_key_generate",
            "keyring_key_store",
            "keyring_key_fetch",
            "keyring_key_remove",
            # read or write files
            "load_file",
            "sys_get",
            "ps_trace_thread",
            "audit_log_read",
            # dial out, or act on other servers and sessions
            "http_get",
            "http_post",
            "http_put",
            "http_delete",
            "http_raw",
            "spider_copy_tables",
            "spider_ping_table",
            "asynchronous_connection_failover_add_source",
            "asynchronous_connection_failover_add_managed",
            "asynchronous_connection_failover_delete_source",
            "asynchronous_connection_failover_delete_managed",
            "group_replication_set_as_primary",
            "master_pos_wait",
            "source_pos_wait",
            "wait_for_executed_gtid_set",
        }
    ),
    denied_words={
        "INTO OUTFILE": _FILES,
        "INTO DUMPFILE": _FILES,
        "DATA DIRECTORY": _FILES,
        "INDEX DIRECTORY": _FILES,
        "IMPORT TABLESPACE": _FILES,
        "DISCARD TABLESPACE": _FILES,
        "CREATE TABLESPACE": _FILES,
        "ALTER TABLESPACE": _FILES,
        "UNDO TABLESPACE": _FILES,
        "CREATE LOGFILE": _FILES,
        "ALTER LOGFILE": _FILES,
        "ALTER INSTANCE": _SERVER,
        "FOR CONNECTION": "it shows what another session runs: do it with the server's own tools",
        "CREATE USER": _OTHER_ACCOUNTS,
        "REPLACE USER": _OTHER_ACCOUNTS,
        "ALTER USER": _OTHER_ACCOUNTS,
        "DROP USER": _OTHER_ACCOUNTS,
        "RENAME USER": _OTHER_ACCOUNTS,
        "CREATE ROLE": _OTHER_ACCOUNTS,
        "REPLACE ROLE": _OTHER_ACCOUNTS,
        "DROP ROLE": _OTHER_ACCOUNTS,
        "SONAME": _LOADS_CODE,
        "CREATE SERVER": _DIALS_OUT,
        "REPLACE SERVER": _DIALS_OUT,
        "ALTER SERVER": _DIALS_OUT,
    },
    denied_operators={
        "||": "it is OR here, and joins texts elsewhere: write OR, or CONCAT(a, b)",
        "@": "a session's variables and settings do not outlast an execution: use a window function, a WITH or {{ bindings }}",
        ":=": "nothing is assigned in a statement: write =, or use a window function",
    },
    # Behind the others of the language, which all dialects share.
    operand_words=frozenset({"BINARY", "DIV", "INTERVAL", "MOD"}),
    equal_or_both_null="<=>",
    string_type_names=frozenset({"date", "time", "timestamp"}),
    string_type_casts={"time": "time(6)", "timestamp": "datetime(6)"},
    default_like_escape="\\",
    like_operators=frozenset({"LIKE"}),
)
"""What MySQL and MariaDB read, and how values are placed in it."""
