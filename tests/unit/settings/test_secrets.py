"""Secrets among the settings: strong, apart from each other, from files of their owner's own, and never shown."""

import traceback
from pathlib import Path

import pytest

from appsmith_proxy.errors import ConfigurationError
from appsmith_proxy.settings import load
from appsmith_proxy.store.urls import MongodbUrl
from tests.unit.settings.samples import KEYS, PASSWORD, SALT, problems_of, toml

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


def test_nothing_shows_a_secret() -> None:
    settings = load(KEYS)
    assert PASSWORD not in repr(settings)
    assert SALT not in repr(settings)
    with pytest.raises(ConfigurationError) as caught:
        load(KEYS | {"APPSMITH_PROXY_ENCRYPTION_PASSWORD": WEAK[-1], "APPSMITH_PROXY_X": "1"})
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.details)
    assert WEAK[-1] not in shown
    assert SALT not in shown
