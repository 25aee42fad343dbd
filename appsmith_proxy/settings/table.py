"""The table of settings: name, type, default, help and aliases of each, and the values of one process."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from appsmith_proxy.sdk import Secret
from appsmith_proxy.settings.values import (
    BOOLEAN,
    ORIGINS,
    PATH,
    SECRET,
    STORE_URL,
    TEXT,
    ValueType,
    choice,
    integer,
    seconds,
)
from appsmith_proxy.store.urls import SqliteUrl, StoreUrl

PREFIX: Final = "APPSMITH_PROXY_"
MIB: Final = 1024 * 1024


def no_secret() -> Secret:
    """Return what stands where a secret was not needed (``need_keys=False``)."""
    return Secret("")


def _row(value_type: ValueType, help_text: str, *aliases: str) -> dict[str, object]:
    return {"type": value_type, "help": help_text, "aliases": aliases}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Settings:
    """The table, and the values of one process. Each row's help is its documentation."""

    encryption_password: Secret = field(
        default_factory=no_secret,
        metadata=_row(SECRET, "Opens the key ring. Keep it apart from the store.", "APPSMITH_ENCRYPTION_PASSWORD"),
    )
    encryption_salt: Secret = field(
        default_factory=no_secret,
        metadata=_row(SECRET, "Belongs to the password; different for each instance.", "APPSMITH_ENCRYPTION_SALT"),
    )
    host: str = field(default="127.0.0.1", metadata=_row(TEXT, "Address to listen on."))
    port: int = field(default=8080, metadata=_row(integer(0, 65535), "Port to listen on; 0 takes a free one."))
    data_folder: Path = field(
        default=Path("~/.appsmith-proxy"), metadata=_row(PATH, "Folder of the store; made with mode 0700.")
    )
    store_url: StoreUrl | None = field(
        default=None,
        metadata=_row(
            STORE_URL,
            "Configuration store; a secret when it holds a password. Default: `store.db` in the data folder.",
            "APPSMITH_DB_URL",
        ),
    )
    allowed_origins: frozenset[str] = field(
        default=frozenset(),
        metadata=_row(
            ORIGINS,
            "Origins whose pages may call the API from a browser, separated by commas. Empty: none.",
        ),
    )
    allow_loopback: bool = field(
        default=False, metadata=_row(BOOLEAN, "Lets datasources be on loopback addresses of this machine.")
    )
    log_level: str = field(
        # No debug: libraries log statements and values there.
        default="info",
        metadata=_row(choice("error", "warning", "info"), "What operators are told on standard error."),
    )
    log_requests: bool = field(
        default=False,
        metadata=_row(BOOLEAN, "One line a request, at level `info`: route, status, duration. Costs throughput."),
    )
    max_body_bytes: int = field(
        default=10 * MIB, metadata=_row(integer(1024, 256 * MIB), "Largest body of an execute call.")
    )
    max_value_bytes: int = field(
        default=5 * MIB, metadata=_row(integer(1024, 256 * MIB), "Largest value of an execute call.")
    )
    max_running: int = field(
        default=10, metadata=_row(integer(1, 1000), "Executions of one datasource that run at the same time.")
    )
    max_waiting: int = field(
        default=50, metadata=_row(integer(0, 100_000), "Executions of one datasource that wait for a place.")
    )
    wait_seconds: float = field(default=5.0, metadata=_row(seconds(0.001, 60), "Longest wait for a place."))
    max_rows: int = field(default=50_000, metadata=_row(integer(1, 10_000_000), "Most rows of one answer."))
    max_result_bytes: int = field(
        default=5 * MIB, metadata=_row(integer(1024, 1024 * MIB), "Most bytes of one answer.")
    )
    max_timeout_ms: int = field(
        default=60_000, metadata=_row(integer(1, 3_600_000), "Longest timeout that an action may have.")
    )
    store_stale_max: float = field(
        default=5.0,
        metadata=_row(seconds(1, 300), "Without an answer of the store for so long, executions are refused."),
    )
    idempotency_seconds: float = field(
        default=86_400.0,
        metadata=_row(seconds(60, 604_800), "How long what was executed with an `Idempotency-Key` is not run again."),
    )
    idle_close_seconds: float = field(
        default=300.0, metadata=_row(seconds(1, 86_400), "Connections to a datasource unused for so long are closed.")
    )
    drain_seconds: float = field(
        default=65.0, metadata=_row(seconds(0, 3600), "At the stop, how long running executions may go on.")
    )
    header_seconds: float = field(
        default=10.0, metadata=_row(seconds(0.1, 300), "From the first byte of a request to the end of its headers.")
    )
    body_seconds: float = field(
        default=30.0, metadata=_row(seconds(0.1, 3600), "From the end of the headers to the end of the body.")
    )
    write_seconds: float = field(default=60.0, metadata=_row(seconds(0.1, 3600), "For a client to take its answer."))
    idle_seconds: float = field(
        default=75.0, metadata=_row(seconds(0.1, 3600), "A client's connection without a request is closed after it.")
    )
    max_connections: int = field(
        default=2_000, metadata=_row(integer(1, 1_000_000), "Open connections of clients, all together.")
    )
    max_connections_per_address: int = field(
        default=256,
        metadata=_row(
            integer(1, 1_000_000), "Open connections of one address; behind a reverse proxy all have the same."
        ),
    )
    driver_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By kind, as ``Driver.options`` describe them, defaults filled in: ``APPSMITH_PROXY_DRIVER_<KIND>_<NAME>``."""

    @property
    def store(self) -> StoreUrl:
        """Where the store is."""
        return self.store_url or SqliteUrl(self.data_folder / "store.db")

    @property
    def protected_paths(self) -> tuple[Path, ...]:
        """The folders that no datasource may reach."""
        store = self.store
        return (self.data_folder, store.path.parent) if isinstance(store, SqliteUrl) else (self.data_folder,)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Setting:
    """One row of the table."""

    name: str
    type: ValueType
    default: Any
    help: str
    aliases: tuple[str, ...]

    @property
    def secret(self) -> bool:
        """Whether the value is a secret: shown nowhere."""
        return self.type.secret

    @property
    def in_file(self) -> bool:
        """Whether the value may stand in a file of its own, which ``…_FILE`` names."""
        return self.type.in_file

    @property
    def env(self) -> str:
        """The name in the environment."""
        return PREFIX + self.name.upper()


SETTINGS: Final[tuple[Setting, ...]] = tuple(
    Setting(name=one.name, default=no_secret() if one.default is MISSING else one.default, **one.metadata)
    for one in fields(Settings)
    if one.metadata
)


def settings_table() -> str:
    """Return the table as Markdown, for the documentation and the command line."""
    lines = ["| environment | value | default | what it does |", "| --- | --- | --- | --- |"]
    for row in SETTINGS:
        names = "<br>".join(f"`{name}`" for name in (row.env, *row.aliases))
        lines.append(f"| {names} | {row.type.name} | {_shown_default(row)} | {row.help} |")
    return "\n".join(lines) + "\n"


def _shown_default(row: Setting) -> str:
    if row.secret:
        return "required"
    if isinstance(row.default, bool):
        return f"`{str(row.default).lower()}`"
    if isinstance(row.default, float):
        return f"`{row.default:g}`"
    return f"`{row.default}`" if row.default else ""
