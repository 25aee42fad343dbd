"""SQLite's SQL as data for the compiler."""

from typing import Final

from appsmith_proxy.sdk import Concatenation, Dialect, ListForm, LiteralForm, Placeholder, StatementClass

SQLITE: Final = Dialect(
    name="SQLite",
    placeholder=Placeholder.NUMBERED,
    concatenation=Concatenation.PIPES,
    list_form=ListForm.JSON_EACH,
    literals=(LiteralForm(prefix=""), LiteralForm(prefix="X", accepts_binding=False)),
    identifier_quotes=(('"', '"'), ("`", "`"), ("[", "]")),
    author_parameters=r"\?[0-9]*|[:@#$][A-Za-z0-9_$\x80-\U0010ffff]+",
    operator_characters="+-*/<>=~!%&|",
    # No casts: SQLite has no parameter types, a value's own class (integer, real, text, blob) is its type.
    text_type="",
    first_words={
        "SELECT": StatementClass.READ,
        "VALUES": StatementClass.READ,
        "WITH": StatementClass.READ,
        "INSERT": StatementClass.WRITE,
        "REPLACE": StatementClass.WRITE,
        "UPDATE": StatementClass.WRITE,
        "DELETE": StatementClass.WRITE,
        "CREATE": StatementClass.DDL,
        "ALTER": StatementClass.DDL,
        "DROP": StatementClass.DDL,
        "EXPLAIN": StatementClass.EXPLAIN,
    },
    denied_functions=frozenset(
        {
            # run their argument as SQL or load code
            "eval",
            "load_extension",
            "fts3_tokenizer",
            # read or write files
            "edit",
            "readfile",
            "writefile",
            "readfile_vfs",
            "lsdir",
            "fsdir",
            "zipfile",
            "csv",
            "vsv",
            # read settings and structure by name
            "pragma_table_info",
            "pragma_table_xinfo",
            "pragma_index_list",
            "pragma_index_info",
            "pragma_index_xinfo",
            "pragma_foreign_key_list",
        }
    ),
    denied_words={
        "CREATE VIRTUAL": "virtual tables can read files and run code: make it with SQLite's own tools",
    },
    like_ends_at_nul=True,
    default_like_escape=None,
    like_operators=frozenset({"LIKE"}),
)
"""What SQLite reads, and how values are placed in it."""
