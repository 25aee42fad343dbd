"""Settings come from the environment, then the file, then the table; whatever is wrong refuses, all at once."""

from dataclasses import fields
from pathlib import Path

import pytest

from appsmith_proxy.sdk import Driver
from appsmith_proxy.settings import SETTINGS, Settings, load, option_env, settings_table
from appsmith_proxy.store.urls import SqliteUrl
from tests.unit.settings.samples import KEYS, PASSWORD, SALT, Shop, problems_of, toml


def test_defaults_are_the_tables() -> None:
    settings = load(KEYS)
    assert settings.encryption_password.reveal() == PASSWORD
    assert settings.encryption_salt.reveal() == SALT
    assert settings.data_folder == Path("/home/op/.appsmith-proxy")
    assert settings.store == SqliteUrl(Path("/home/op/.appsmith-proxy/store.db"))
    assert settings.allowed_origins == frozenset()
    assert (settings.host, settings.port, settings.allow_loopback) == ("127.0.0.1", 8080, False)
    given = {"encryption_password", "encryption_salt", "data_folder"}
    assert all(getattr(settings, row.name) == row.default for row in SETTINGS if row.name not in given)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    config = toml(tmp_path, "port = 9000\nmax_rows = 7\nallow_loopback = true\nwait_seconds = 1.5\n")
    settings = load(KEYS | {"APPSMITH_PROXY_PORT": "9001"}, config)
    assert (settings.port, settings.max_rows, settings.allow_loopback, settings.wait_seconds) == (9001, 7, True, 1.5)


def test_operators_may_use_the_familys_names() -> None:
    settings = load(
        {
            "APPSMITH_ENCRYPTION_PASSWORD": PASSWORD,
            "APPSMITH_ENCRYPTION_SALT": SALT,
            "APPSMITH_DB_URL": "sqlite:///var/lib/proxy/store.db",
            "APPSMITH_MAIL_ENABLED": "true",
            "HOME": "/home/op",
        }
    )
    assert settings.encryption_password.reveal() == PASSWORD
    assert settings.store == SqliteUrl(Path("/var/lib/proxy/store.db"))


def test_two_names_for_one_setting_are_refused() -> None:
    (problem,) = problems_of(KEYS | {"APPSMITH_ENCRYPTION_PASSWORD": PASSWORD})
    assert "more than once" in problem.message
    assert "APPSMITH_ENCRYPTION_PASSWORD" in problem.message


BAD_VALUES = {
    "PORT": ["", " ", "-1", "65536", "80.5", "http", "0x50", "٣"],
    "HOST": ["", " ", " 127.0.0.1", "a\nb"],
    "ALLOW_LOOPBACK": ["", "1", "yes", "True", "on"],
    "WAIT_SECONDS": ["", "-1", "0", "1e9", "nan", "inf", "5s"],
    "LOG_LEVEL": ["", "debug", "INFO"],
    "DATA_FOLDER": ["", " "],
    "STORE_URL": [
        "",
        "mongodb://",
        "mongodb://user@db/x",
        "mongodb://user:a/b@db/x",
        "mongodb://db:0/x",
        "mongodb://db/admin",
        "mongodb://db/x?w=0",
        "mongodb://db/x?tlsInsecure=true",
        "mongodb://db/x?tls=yes",
        "mongodb://db/x?tls=true&tls=false",
        "mongodb+srv://cluster.example/x",
        "postgres://db/x",
        "sqlite://",
        "sqlite:///",
        "sqlite:///a/",
        "sqlite:///a?x=1",
    ],
    "ALLOWED_ORIGINS": [
        " ",
        ",",
        "*",
        "null",
        "https://*",
        "https://*.example.com",
        "https://shop.example.net/",
        "https://Shop.example.net",
        "shop.example.net",
        "https://shop.example.net,",
        "https://shop.example.net, *",
        "file://",
    ],
    "MAX_ROWS": ["", "0", "-5", "unlimited"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD_VALUES.items() for value in values])
def test_bad_values_refuse_and_are_not_quoted(name: str, value: str) -> None:
    (problem,) = problems_of(KEYS | {f"APPSMITH_PROXY_{name}": value})
    assert problem.path == f"APPSMITH_PROXY_{name}"
    assert len(value) < 12 or value not in problem.message


def test_origins_are_an_exact_list(tmp_path: Path) -> None:
    both = frozenset({"https://app.example.com", "http://localhost:3000"})
    environ = KEYS | {"APPSMITH_PROXY_ALLOWED_ORIGINS": "https://app.example.com, http://localhost:3000"}
    assert load(environ).allowed_origins == both
    config = toml(tmp_path, 'allowed_origins = ["https://app.example.com", "http://localhost:3000"]')
    assert load(KEYS, config).allowed_origins == both
    assert load(KEYS | {"APPSMITH_PROXY_ALLOWED_ORIGINS": ""}).allowed_origins == frozenset()
    assert load(KEYS, toml(tmp_path, "allowed_origins = []")).allowed_origins == frozenset()
    assert problems_of(KEYS, toml(tmp_path, "allowed_origins = false"))


def test_every_problem_comes_at_once(tmp_path: Path) -> None:
    config = toml(tmp_path, "max_rows = 'many'\ncolour = 'red'\n[driver.nosuch]\nx = 1\n")
    problems = problems_of(
        {
            "APPSMITH_PROXY_PORT": "http",
            "APPSMITH_PROXY_PROT": "8080",
            "APPSMITH_ENCRYPTION_PASSWORD": "short",
            "APPSMITH_PROXY_ALLOWED_ORIGINS": "*",
        },
        config,
    )
    assert {problem.path for problem in problems} == {
        "APPSMITH_PROXY_PORT",
        "APPSMITH_PROXY_PROT",
        "APPSMITH_PROXY_ENCRYPTION_PASSWORD",
        "APPSMITH_PROXY_ENCRYPTION_SALT",
        "APPSMITH_PROXY_ALLOWED_ORIGINS",
        "APPSMITH_PROXY_DATA_FOLDER",
        f"max_rows in {config}",
        f"colour in {config}",
        f"driver.nosuch in {config}",
    }
    (typo,) = [problem for problem in problems if problem.path == "APPSMITH_PROXY_PROT"]
    assert typo.hint == "did you mean APPSMITH_PROXY_PORT?"


def test_a_config_file_that_is_not_there_or_no_toml_refuses(tmp_path: Path) -> None:
    assert "cannot be read" in problems_of(KEYS, tmp_path / "none.toml")[0].message
    assert "not valid TOML" in problems_of(KEYS, toml(tmp_path, "port: 8080"))[0].message


def test_driver_options_come_from_both_and_are_checked(tmp_path: Path) -> None:
    drivers: dict[str, Driver] = {"shop_api": Shop()}
    config = toml(tmp_path, "[driver.shop_api]\nfolder = '/srv/a'\nmaxOpenFiles = 2\n")
    settings = load(
        KEYS
        | {
            "APPSMITH_PROXY_DRIVER_SHOP_API_FOLDER": "/srv/b",
            "APPSMITH_PROXY_DRIVER_SHOP_API_FOLLOW": "true",
            "APPSMITH_PROXY_DRIVER_SHOP_API_ALIASES": '{"a": "b"}',
        },
        config,
        drivers,
    )
    options = settings.driver_options["shop_api"]
    assert options == {"folder": "/srv/b", "maxOpenFiles": 2, "follow": True, "aliases": {"a": "b"}}
    assert option_env("shop_api", Shop.options[1]) == "APPSMITH_PROXY_DRIVER_SHOP_API_MAX_OPEN_FILES"


def test_bad_driver_options_refuse() -> None:
    drivers: dict[str, Driver] = {"shop_api": Shop()}
    prefix = "APPSMITH_PROXY_DRIVER_SHOP_API"
    problems = problems_of(
        KEYS
        | {
            f"{prefix}_MAX_OPEN_FILES": "99",
            f"{prefix}_FOLLOW": "maybe",
            f"{prefix}_ALIASES": "{",
            f"{prefix}_NO": "1",
            "APPSMITH_PROXY_DRIVER_NOSUCH_X": "1",
        },
        drivers=drivers,
    )
    assert {problem.path for problem in problems} == {
        "driver.shop_api.folder",
        "driver.shop_api.maxOpenFiles",
        "driver.shop_api.follow",
        "driver.shop_api.aliases",
        f"{prefix}_NO",
        "APPSMITH_PROXY_DRIVER_NOSUCH_X",
    }


def test_the_documentation_holds_the_table() -> None:
    table = settings_table()
    assert table in Path("docs/reference/settings.md").read_text("utf-8")
    assert len(table.splitlines()) == len(SETTINGS) + 2
    assert {row.name for row in SETTINGS} == {one.name for one in fields(Settings)} - {"driver_options"}
    assert all(row.help for row in SETTINGS)
