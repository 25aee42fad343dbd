"""The SQLite store's file: created for its owner alone, and refused when it is not ours or others can reach it."""

import os
import stat
from pathlib import Path
from typing import Final

from appsmith_proxy.errors import StoreError

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def claim(path: Path) -> None:
    """Create the store's folder (0700) and file (0600) if they are missing; refuse what we must not use.

    SQLite gives the files it puts beside (``-wal``, ``-shm``) the file's own mode, so a process of another user, root
    included, would leave files there that the server cannot open: only the owner may go on.
    """
    try:
        _claim_folder(path.parent)
        _claim_file(path)
    except OSError as exc:
        raise StoreError(
            f"the store {path} cannot be reached: {exc.strerror}", hint="check the path and its permissions"
        ) from exc


def _claim_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat()
    _check_owner(found, folder)
    if found.st_mode & _OTHERS:
        raise StoreError(
            f"other users can reach the store's folder {folder}",
            hint=f"chmod 700 {folder}, or name a folder inside it: it will be made",
        )


def _claim_file(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        _check_file(path)


def _check_file(path: Path) -> None:
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise StoreError(f"the store {path} is not a regular file", hint="name the file itself, not a link to it")
    _check_owner(found, path)
    if found.st_mode & _OTHERS:
        raise StoreError(f"other users can read the store {path}", hint=f"chmod 600 {path}")


def _check_owner(found: os.stat_result, path: Path) -> None:
    if found.st_uid != os.geteuid():
        raise StoreError(
            f"{path} belongs to user {found.st_uid}, this process runs as user {os.geteuid()}",
            hint="run the command as the user that the server runs as",
        )


def not_ours(path: Path) -> StoreError:
    """Return the refusal for a file that is something else."""
    return StoreError(f"{path} is not a store of this proxy; nothing was changed", hint="name another file")
