"""A vault whose keys were derived once, and its ring."""

import pytest

from appsmith_proxy.vault import FLOOR, Vault
from tests.unit.vault.sealing import PASSWORD, SALT


@pytest.fixture(scope="module")
def made() -> tuple[Vault, bytes]:
    return Vault.create(PASSWORD, SALT, cost=FLOOR)


@pytest.fixture
def vault(made: tuple[Vault, bytes]) -> Vault:
    opened = Vault.create(PASSWORD, SALT, cost=FLOOR)[0]
    opened.reload(made[1])
    return opened


@pytest.fixture
def ring(made: tuple[Vault, bytes]) -> bytes:
    return made[1]
