"""Password and salt are made strong and written for their owner alone, once."""

import stat
import traceback
from pathlib import Path

import pytest

from appsmith_proxy.catalog import keys
from appsmith_proxy.errors import ConfigurationError


def test_init_prints_a_strong_pair() -> None:
    password, salt = (line.partition("=") for line in keys.init(None))
    assert (password[0], salt[0]) == ("APPSMITH_PROXY_ENCRYPTION_PASSWORD", "APPSMITH_PROXY_ENCRYPTION_SALT")
    assert len(password[2]) == len(salt[2]) == 43
    assert password[2] != salt[2]


def test_init_writes_two_private_files_and_never_again(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    lines = keys.init(folder)
    files = sorted(folder.iterdir())
    assert [path.name for path in files] == ["encryption_password", "encryption_salt"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600, 0o600]
    assert lines == (
        f"APPSMITH_PROXY_ENCRYPTION_PASSWORD_FILE={files[0]}",
        f"APPSMITH_PROXY_ENCRYPTION_SALT_FILE={files[1]}",
    )
    texts = [path.read_text() for path in files]
    password, salt = keys.read_new(*files)
    assert [password.reveal() + "\n", salt.reveal() + "\n"] == texts
    with pytest.raises(ConfigurationError, match="never overwritten"):
        keys.init(folder)
    files[0].unlink()
    with pytest.raises(ConfigurationError, match="never overwritten"):
        keys.init(folder)
    assert files[1].read_text() == texts[1]


def test_init_does_not_follow_a_link(tmp_path: Path) -> None:
    (tmp_path / "encryption_salt").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError):
        keys.init(tmp_path)
    assert not (tmp_path / "elsewhere").exists()
    assert not (tmp_path / "encryption_password").exists()


def test_init_says_when_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        keys.init(tmp_path / "file" / "keys")


def test_read_new_refuses_what_others_may_read(tmp_path: Path) -> None:
    open_file = tmp_path / "password"
    open_file.write_text("Yq3vN8cJtR5mXw2LzKd7hP")
    open_file.chmod(0o644)
    with pytest.raises(ConfigurationError) as caught:
        keys.read_new(open_file, tmp_path / "none")
    assert len(caught.value.details) == 2
    assert "Yq3vN8" not in "".join(traceback.format_exception(caught.value)) + repr(caught.value.details)
