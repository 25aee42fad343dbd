"""Keys that are strong enough, a driver with options, and what is said when settings are refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from appsmith_proxy.errors import ConfigurationError, Problem
from appsmith_proxy.sdk import Client, Driver, Field, FieldType, OpenContext, Payload, Secret
from appsmith_proxy.settings import load

PASSWORD = "Yq3vN8cJtR5mXw2LzKd7hP"
SALT = "gB6nTf9QsVx4HjMr1ZeWkA"
KEYS = {"APPSMITH_PROXY_ENCRYPTION_PASSWORD": PASSWORD, "APPSMITH_PROXY_ENCRYPTION_SALT": SALT, "HOME": "/home/op"}


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
