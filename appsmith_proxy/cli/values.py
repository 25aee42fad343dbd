"""What arguments must be: texts become values, or say what was expected."""

import argparse
from pathlib import Path

from appsmith_proxy.errors import ConfigurationError
from appsmith_proxy.store.urls import BadUrl, StoreUrl, parse_store_url
from appsmith_proxy.vault import read_private


def databases(text: str) -> tuple[str, ...]:
    """Return names of throwaway servers, each once."""
    from appsmith_proxy.demo.databases import DATABASES  # noqa: PLC0415  # reason: a big room

    names = tuple(dict.fromkeys(text.split(",")))
    if not all(name in DATABASES for name in names):
        raise argparse.ArgumentTypeError(f"must be some of {','.join(DATABASES)}, with commas between them")
    return names


def port(text: str) -> int:
    """Return a port; 0 lets the system choose one."""
    if not text.isdecimal() or not text.isascii() or int(text) > 65_535:
        raise argparse.ArgumentTypeError("must be a port from 0 to 65535")
    return int(text)


def store_url(flag: str, given: str) -> StoreUrl:
    """Return where a store is; ``@FILE`` names the file that holds the URL."""
    try:
        return parse_store_url(read_private(Path(given[1:])) if given.startswith("@") else given)
    except BadUrl as bad:
        raise ConfigurationError(f"{flag} {bad.reason}") from None
