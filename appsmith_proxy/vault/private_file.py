"""Files that hold a password or a salt: their owner's alone, written once."""

import os
import stat
from pathlib import Path
from typing import Final

from appsmith_proxy.errors import ConfigurationError

_MAX_BYTES: Final = 4096


def read_private(path: Path) -> str:
    """Return the file's text, less one line end.

    Raises:
        ConfigurationError: it cannot be read, is too long or no text, or others than its owner may use it.
    """
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise ConfigurationError("the file may be used by others than its owner; run chmod 600 on it")
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"the file cannot be read: {error.strerror}") from None
    if len(content) > _MAX_BYTES:
        raise ConfigurationError(f"the file has more than {_MAX_BYTES} bytes")
    try:
        return content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        pass  # raised outside: the caught error holds the file's bytes, and would stay with ours as its context
    raise ConfigurationError("the file is not UTF-8 text")


def write_private(path: Path, text: str) -> None:
    """Write a new file of mode 0600, and see it on the disk. Raises ``OSError``; never overwrites or follows a link."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
