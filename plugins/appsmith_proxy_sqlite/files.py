"""Which file a datasource may open: below the operator's folder, a plain file under its real name, nobody else's.

A name is looked at twice: its shape when a datasource is saved (``name_problem``, offline), and the file itself each
time a connection opens (``DatabaseFile.inspect``), before and after SQLite opens it.

The file is never opened here, not even to look at it: closing any descriptor of a file drops the locks that SQLite
holds on it in this process (POSIX advisory locks belong to the process, fcntl(2)).
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import quote

from appsmith_proxy.sdk import ConnectFailed, Outcome

FOLDER: Final = "folder"
"""The operator's option: where files may lie. Without it there is no SQLite."""

_COMPANIONS: Final = ("-journal", "-wal", "-shm")
"""Files that SQLite itself keeps beside a database."""


def name_problem(name: str) -> str | None:
    """Return what is wrong with the shape of a file's name, or None."""
    if name.startswith("/"):
        return "must be a name below the configured folder, not an absolute path"
    if "\0" in name or not name.isprintable():
        return "must not contain control characters"
    if name != str(PurePosixPath(name)) or ".." in PurePosixPath(name).parts or name == ".":
        return "must be a plain relative path: no empty part, no . and no .."
    if name.endswith(_COMPANIONS):
        return "must not be a file that SQLite keeps beside a database"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which file it is, whatever its name: device and inode."""

    device: int
    inode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFile:
    """One configured file. Looking at it blocks: call the methods off the event loop."""

    folder: Path
    name: str
    protected: tuple[Path, ...] = ()

    @classmethod
    def of(
        cls, configuration: Mapping[str, Any], options: Mapping[str, Any], protected: tuple[Path, ...]
    ) -> "DatabaseFile":
        """Return the configured file.

        Raises:
            ConnectFailed: the operator has set no folder, or the name's shape is wrong.
        """
        folder = options.get(FOLDER)
        if not folder:
            raise _refused(
                "SQLite files are switched off: no folder is configured for them",
                hint="an operator sets APPSMITH_PROXY_DRIVER_SQLITE_FOLDER to an absolute path",
            )
        if not Path(folder).is_absolute():
            raise _refused("the configured folder for SQLite files is not an absolute path")
        problem = name_problem(configuration["file"])
        if problem:
            raise _refused(f"the file's name {problem}")
        return cls(folder=Path(folder), name=configuration["file"], protected=protected)

    def inspect(self) -> tuple[Path, Identity]:
        """Return the file's real path and identity.

        Raises:
            ConnectFailed: the file is missing, or is not one that may be opened.
        """
        folder = Path(os.path.realpath(self.folder))
        path = folder / self.name
        try:
            found = path.lstat()
        except OSError:
            raise _refused(
                "the file does not exist, or the proxy may not see it", hint="files are never created by the proxy"
            ) from None
        if os.path.realpath(path) != str(path):
            raise _refused("the file's path holds a symbolic link", hint="use the file's real name")
        if not stat.S_ISREG(found.st_mode):
            raise _refused("the file is not a regular file")
        if found.st_nlink != 1:
            raise _refused("the file has more than one name (hard links)", hint="make it a file of its own")
        if any(_covers(Path(os.path.realpath(guarded)), path) for guarded in self.protected):
            raise _refused("the file belongs to the proxy itself")
        if any(os.path.islink(f"{path}{suffix}") for suffix in _COMPANIONS):  # noqa: PTH114  # reason: with_suffix would replace
            raise _refused("a symbolic link stands where SQLite keeps its journal")
        return path, Identity(device=found.st_dev, inode=found.st_ino)

    def others_may_write(self) -> bool:
        """Return True when every user of the machine can write the file."""
        return bool((self.folder / self.name).lstat().st_mode & stat.S_IWOTH)


def file_uri(path: Path, *, read_only: bool) -> str:
    """Return the path as a ``file:`` URI whose only parameter is the mode (https://sqlite.org/uri.html).

    Every character of the path that means something in a URI is percent-encoded, so none can start a parameter.
    """
    return f"file:{quote(os.fsencode(path))}?mode={'ro' if read_only else 'rw'}"


def _covers(guarded: Path, path: Path) -> bool:
    return path == guarded or guarded in path.parents


def _refused(message: str, *, hint: str = "") -> ConnectFailed:
    return ConnectFailed(message, hint=hint, outcome=Outcome.NOT_SENT)
