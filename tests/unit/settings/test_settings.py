"""Settings come from the environment, then the file, then the table; whatever is wrong refuses, all at once."""

import traceback
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from appsmith_proxy.errors import ConfigurationError, Problem
from appsmith_proxy.sdk import Client, Driver, Field, FieldType, OpenContext, Payload, Secret
from appsmith_proxy.settings import SETTINGS, Settings, load, option_env, settings_table
from appsmith_proxy.store.urls import MongodbUrl, SqliteUrl

PASSWORD = "Yq3vN8cJtR5mXw2LzKd7hP"
SALT = "gB6nTf9QsVx4HjMr1ZeWkA"
KEYS = {"APPSMITH_PROXY_ENCRYPTION_PASSWORD": PASSWORD, "APPSMITH_PROXY_ENCRYPTION_SALT": SALT, "HOME": "/home/op"}

WEAK = [
    "",
    " ",
    "x",
    "admin",
    "changeme",
    "password1234",
    "0123456789abcdef",
    "Yq3vN8cJtR5mXw2LzKd7h",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "abcabcabcabcabcabcabcabcabc",
    "1212121212121212121212121212",
    "ABCDEFGABCDEFGABCDEFGABCDEFG",
    "                                ",
    "abcdefghijklmnopqrstuvwxyz",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "correct horse battery staple",
    "correct-horse-battery-staple",
    "0123456789abcdef0123456789abcdef",
    "qwertyuiopasdfghjklzxcvbnm",
    "your-encryption-password-here",
    "Your_Encryption_Password_Here!",
    "change-this-before-production",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
]


class Shop(Driver):
    kind = "shop_api"
    title = "Shop"
    payload = Payload.STATEMENT
    options = (
        Field(name="folder", type=FieldType.TEXT, label="Folder", required=True),
        Field(name="maxOpenFiles", type=FieldType.INTEGER, label="Files", default=4, minimum=1, maximum=9),
        Field(name="follow", type=FieldType.BOOLEAN, label="Follow", default=False),
        Field(name="aliases", type=FieldType.MAP, label="Aliases"),
    )

    async def open(
        self, configuration: Mapping[str, Any], secrets: Mapping[str, Secret], context: OpenContext
    ) -> Client:
        raise NotImplementedError


def problems_of(
    environ: Mapping[str, str], config: Path | None = None, drivers: Mapping[str, Driver] | None = None
) -> tuple[Problem, ...]:
    with pytest.raises(ConfigurationError) as caught:
        load(environ, config, drivers)
    return caught.value.details


def toml(folder: Path, text: str) -> Path:
    path = folder / "proxy.toml"
    path.write_text(text)
    return path


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


@pytest.mark.parametrize("name", ["PASSWORD", "SALT"])
@pytest.mark.parametrize("value", WEAK)
def test_a_weak_password_or_salt_refuses(name: str, value: str) -> None:
    env = f"APPSMITH_PROXY_ENCRYPTION_{name}"
    (problem,) = problems_of(KEYS | {env: value})
    assert problem.path == env
    assert "appsmith-proxy keys init" in problem.hint


def test_missing_keys_refuse_and_say_what_to_do() -> None:
    problems = problems_of({"HOME": "/home/op"})
    assert [problem.path for problem in problems] == list(KEYS)[:2]
    assert all("is missing" in problem.message for problem in problems)
    assert all("appsmith-proxy keys init" in problem.hint for problem in problems)


def test_the_salt_must_not_be_the_password() -> None:
    (problem,) = problems_of(KEYS | {"APPSMITH_PROXY_ENCRYPTION_SALT": PASSWORD})
    assert "differ" in problem.message


def test_commands_without_keys_do_without() -> None:
    assert load({"HOME": "/home/op"}, need_keys=False).port == 8080


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_secret_comes_from_a_file(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "password"
    path.write_bytes((PASSWORD + ending).encode())
    path.chmod(0o600)
    environ = {"APPSMITH_ENCRYPTION_PASSWORD_FILE": str(path), "APPSMITH_ENCRYPTION_SALT": SALT, "HOME": "/home/op"}
    assert load(environ).encryption_password.reveal() == PASSWORD
    config = toml(tmp_path, f"encryption_password_file = '{path}'\n")
    assert load({"APPSMITH_ENCRYPTION_SALT": SALT, "HOME": "/home/op"}, config).encryption_password.reveal() == PASSWORD


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o610, 0o602])
def test_a_secret_file_that_others_may_use_refuses(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "password"
    path.write_text(PASSWORD)
    path.chmod(mode)
    env = "APPSMITH_PROXY_ENCRYPTION_PASSWORD_FILE"
    (problem,) = problems_of({env: str(path), "APPSMITH_ENCRYPTION_SALT": SALT, "HOME": "/home/op"})
    assert problem.path == env
    assert "chmod 600" in problem.message


def test_secret_files_that_cannot_be_used_refuse(tmp_path: Path) -> None:
    long, binary = tmp_path / "long", tmp_path / "binary"
    long.write_bytes(b"x" * 5000)
    binary.write_bytes(b"\xff" * 40)
    for path, message in ((tmp_path / "none", "cannot be read"), (long, "more than"), (binary, "not UTF-8")):
        if path.exists():
            path.chmod(0o600)
        (problem,) = problems_of(
            {"APPSMITH_PROXY_ENCRYPTION_PASSWORD_FILE": str(path), "APPSMITH_ENCRYPTION_SALT": SALT, "HOME": "/x"}
        )
        assert message in problem.message


def test_a_secret_and_its_file_together_refuse(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(PASSWORD)
    path.chmod(0o600)
    (problem,) = problems_of(KEYS | {"APPSMITH_PROXY_ENCRYPTION_PASSWORD_FILE": str(path)})
    assert "more than once" in problem.message


def test_a_secret_does_not_stand_in_the_config_file(tmp_path: Path) -> None:
    config = toml(tmp_path, f"encryption_password = '{PASSWORD}'\n")
    problems = problems_of({"APPSMITH_ENCRYPTION_SALT": SALT, "HOME": "/x"}, config)
    assert "does not belong in this file" in problems[0].message
    assert PASSWORD not in repr(problems)


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


MONGODB = "mongodb://proxy:canary@one.example,two.example:27018/appsmith?replicaSet=rs0&tls=true"


def test_a_mongodb_is_read_and_its_password_is_not_shown() -> None:
    settings = load(KEYS | {"APPSMITH_DB_URL": MONGODB})
    store = settings.store
    assert isinstance(store, MongodbUrl)
    assert store.hosts == (("one.example", 27017), ("two.example", 27018))
    assert (store.database, store.tls, store.text.reveal()) == ("appsmith", True, MONGODB)
    assert store.shown == "mongodb://one.example:27017,two.example:27018/appsmith"
    assert "canary" not in repr(settings) + str(store)
    assert settings.protected_paths == (settings.data_folder,)


def test_a_mongodb_with_a_password_may_stand_in_a_file_of_its_own_only(tmp_path: Path) -> None:
    own = tmp_path / "url"
    own.write_text(MONGODB + "\n")
    own.chmod(0o600)
    for environ, config in (
        ({"APPSMITH_DB_URL_FILE": str(own)}, None),
        ({"APPSMITH_PROXY_STORE_URL_FILE": str(own)}, None),
        ({}, toml(tmp_path, f'store_url_file = "{own}"')),
    ):
        assert isinstance(load(KEYS | environ, config).store, MongodbUrl)
    (problem,) = problems_of(KEYS, toml(tmp_path, f'store_url = "{MONGODB}"'))
    assert "does not belong in this file" in problem.message
    assert "canary" not in repr(problem)
    without = toml(tmp_path, 'store_url = "mongodb://db.example/appsmith"')
    assert isinstance(load(KEYS, without).store, MongodbUrl)
    own.chmod(0o644)
    assert problems_of(KEYS | {"APPSMITH_DB_URL_FILE": str(own)})


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


def test_nothing_shows_a_secret() -> None:
    settings = load(KEYS)
    assert PASSWORD not in repr(settings)
    assert SALT not in repr(settings)
    with pytest.raises(ConfigurationError) as caught:
        load(KEYS | {"APPSMITH_PROXY_ENCRYPTION_PASSWORD": WEAK[-1], "APPSMITH_PROXY_X": "1"})
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.details)
    assert WEAK[-1] not in shown
    assert SALT not in shown


def test_the_documentation_holds_the_table() -> None:
    table = settings_table()
    assert table in Path("docs/reference/settings.md").read_text("utf-8")
    assert len(table.splitlines()) == len(SETTINGS) + 2
    assert {row.name for row in SETTINGS} == {one.name for one in fields(Settings)} - {"driver_options"}
    assert all(row.help for row in SETTINGS)
