"""Reading the settings: the environment first, then a TOML file, then the defaults; every problem at once."""

import difflib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from appsmith_proxy.errors import ConfigurationError, Problem
from appsmith_proxy.sdk import Driver, Field, FieldType, check_configuration
from appsmith_proxy.settings.table import PREFIX, SETTINGS, Setting, Settings
from appsmith_proxy.settings.values import BadValue, text
from appsmith_proxy.vault import read_private, weakness

_INIT_HINT: Final = "make a password and a salt with: appsmith-proxy keys init"


def load(
    environ: Mapping[str, str],
    config_path: Path | None = None,
    drivers: Mapping[str, Driver] | None = None,
    *,
    need_keys: bool = True,
) -> Settings:
    """Return the settings of a process. Reads the named files and changes nothing.

    Args:
        environ: the environment; it wins over the file.
        config_path: a TOML file with rows by name and ``[driver.<kind>]`` tables.
        drivers: the active drivers by kind, whose options may be set.
        need_keys: False for commands that do without password and salt.

    Raises:
        ConfigurationError: with every problem in ``details``; no problem quotes a value.
    """
    reading = _Reading(environ, config_path)
    values = {row.name: value for row in SETTINGS if (value := reading.value_of(row)) is not None}
    if need_keys:
        reading.check_keys(values)
    options = reading.driver_options(drivers or {})
    reading.check_unknown()
    if reading.problems:
        count = len(reading.problems)
        raise ConfigurationError(
            "one setting is not valid" if count == 1 else f"{count} settings are not valid",
            hint="every setting is described in docs/reference/settings.md and by: appsmith-proxy settings",
            details=tuple(reading.problems),
        )
    return Settings(**values, driver_options=options)


def option_env(kind: str, option: Field) -> str:
    """Return the name that a driver's option has in the environment."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", option.name)
    return f"{PREFIX}DRIVER_{kind}_{snake}".upper()


@dataclass(frozen=True, slots=True)
class _Found:
    """A value as it was given, and where."""

    where: str
    raw: object
    file: bool = False
    """The value is the name of the file that holds the secret."""
    in_config: bool = False


class _Reading:
    """One pass over environment and file: what was given, and everything that is wrong with it."""

    def __init__(self, environ: Mapping[str, str], config_path: Path | None) -> None:
        self.problems: list[Problem] = []
        self._environ = environ
        self._config_name = str(config_path or "")
        self._config = self._read_config(config_path) if config_path else {}
        self._known = {name for row in SETTINGS for name in _env_names(row)}

    def value_of(self, row: Setting) -> Any:
        """Return a row's value, its default, or None when what was given is wrong."""
        found = self._find(row)
        try:
            if found is None:
                return _expand(row.default, self._environ)
            value = _expand(row.type.parse(_read_secret(found.raw) if found.file else found.raw), self._environ)
        except BadValue as bad:
            self._report(found.where if found else row.env, bad.reason)
            return None
        if found.in_config and not found.file and row.type.hides(value):
            self._report(found.where, "a secret does not belong in this file", f"use {row.name}_file")
        return value

    def check_keys(self, values: Mapping[str, Any]) -> None:
        """Refuse a missing or weak password or salt."""
        given = {row: values[row.name].reveal() for row in SETTINGS if row.secret and row.name in values}
        for row, secret in given.items():
            if reason := weakness(secret) if secret else "is missing":
                self._report(row.env, reason, _INIT_HINT)
        if len(given) > 1 and len(set(given.values())) == 1 and any(given.values()):
            self._report(f"{PREFIX}ENCRYPTION_SALT", "must differ from the password", _INIT_HINT)

    def driver_options(self, drivers: Mapping[str, Driver]) -> dict[str, dict[str, Any]]:
        """Return the checked options of every driver, defaults filled in."""
        tables = self._config.pop("driver", {})
        if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
            self._report(self._in_config("driver"), "must hold one table for each kind: [driver.<kind>]")
            tables = {}
        for kind in tables.keys() - drivers.keys():
            self._report(self._in_config(f"driver.{kind}"), "no active driver has this kind", _one_of(drivers))
        return {kind: self._options_of(driver, tables.get(kind, {})) for kind, driver in drivers.items()}

    def check_unknown(self) -> None:
        """Refuse names that look like ours and are not: a spelling mistake must not fall back to a default."""
        for name in sorted(self._environ):
            if name.startswith(PREFIX) and name not in self._known:
                self._report(name, "no such setting", _like(name, self._known))
        names = {row.name for row in SETTINGS}
        for name in sorted(self._config.keys() - names - {f"{row.name}_file" for row in SETTINGS if row.in_file}):
            self._report(self._in_config(name), "no such setting", _like(name, names))

    def _find(self, row: Setting) -> _Found | None:
        given = [name for name in _env_names(row) if name in self._environ]
        if len(given) > 1:
            self._report(given[0], f"is given more than once: set only one of {', '.join(given)}")
        if given:
            return _Found(given[0], self._environ[given[0]], file=given[0].endswith("_FILE") and row.in_file)
        if row.secret and row.name in self._config:
            self._report(self._in_config(row.name), "a secret does not belong in this file", f"use {row.name}_file")
        keys = [key for key in ((f"{row.name}_file",) if row.in_file else ()) if key in self._config]
        keys += [row.name] if row.name in self._config and not row.secret else []
        if len(keys) > 1:
            self._report(self._in_config(keys[0]), f"is given more than once: set only one of {', '.join(keys)}")
        for key in keys:
            return _Found(self._in_config(key), self._config[key], file=key != row.name, in_config=True)
        return None

    def _options_of(self, driver: Driver, table: Mapping[str, Any]) -> dict[str, Any]:
        values = dict(table)
        for option in driver.options:
            name = option_env(driver.kind, option)
            self._known.add(name)
            if name in self._environ:
                values[option.name] = _typed(option, self._environ[name])
        checked, problems = check_configuration(driver.options, values, path=f"driver.{driver.kind}")
        self.problems.extend(problems)
        return checked

    def _read_config(self, path: Path) -> dict[str, Any]:
        try:
            return tomllib.loads(path.read_text("utf-8"))
        except OSError as exc:
            self._report(self._config_name, f"the file cannot be read: {exc.strerror}")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            self._report(self._config_name, "the file is not valid TOML")
        return {}

    def _in_config(self, name: str) -> str:
        return f"{name} in {self._config_name}"

    def _report(self, where: str, message: str, hint: str = "") -> None:
        self.problems.append(Problem(where, message, hint=hint))


def _env_names(row: Setting) -> tuple[str, ...]:
    names = (row.env, *row.aliases)
    return (*names, *(f"{name}_FILE" for name in names)) if row.in_file else names


def _read_secret(raw: object) -> str:
    try:
        return read_private(Path(text(raw)))
    except ConfigurationError as error:
        raise BadValue(error.message) from None


def _expand(value: Any, environ: Mapping[str, str]) -> Any:
    """Replace ``~/`` in a path by the home folder that the environment names."""
    if not isinstance(value, Path) or value.parts[:1] != ("~",):
        return value
    if not (home := environ.get("HOME")):
        raise BadValue("begins with ~, but there is no HOME in the environment")
    return Path(home, *value.parts[1:])


def _typed(option: Field, given: str) -> Any:
    """Return an option's environment text as the type its row asks for; what does not fit stays text and is refused."""
    match option.type:
        case FieldType.INTEGER | FieldType.PORT if re.fullmatch(r"-?[0-9]{1,15}", given):
            return int(given)
        case FieldType.BOOLEAN:
            return {"true": True, "false": False}.get(given, given)
        case FieldType.MAP | FieldType.PAIRS:
            try:
                return json.loads(given)
            except ValueError:
                return given
        case _:
            return given


def _one_of(names: Iterable[str]) -> str:
    return f"active: {', '.join(sorted(names)) or 'none'}"


def _like(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f"did you mean {close[0]}?" if close else ""
