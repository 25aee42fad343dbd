"""A key ring over a memory store, a driver whose secrets it seals, and a store whose every call can be interrupted."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from appsmith_proxy.catalog.keys import Keyring
from appsmith_proxy.model.records import Datasource
from appsmith_proxy.sdk import Client, Driver, Field, FieldType, OpenContext, Payload, Secret
from appsmith_proxy.store.contract import Change, Changes, ConfigStore, Put, R
from appsmith_proxy.store.memory import MemoryData, MemoryStore
from appsmith_proxy.vault import FLOOR

PASSWORD, SALT = Secret("Yq3vN8cJtR5mXw2LzKd7hP"), Secret("gB6nTf9QsVx4HjMr1ZeWkA")
NEW_PASSWORD, NEW_SALT = Secret("7kWpZ3xCvB9nM4qLsJ2hTf"), Secret("uR8eYd5GaXo1VbN6iQwKzc")


class Sample(Driver):
    kind = "sample"
    title = "Sample"
    payload = Payload.STATEMENT
    fields = (
        Field(name="host", type=FieldType.HOST, label="Host", required=True, destination=True),
        Field(name="password", type=FieldType.TEXT, label="Password", secret=True),
        Field(name="headers", type=FieldType.MAP, label="Headers", secret=True),
    )

    async def open(
        self, configuration: Mapping[str, Any], secrets: Mapping[str, Secret], context: OpenContext
    ) -> Client:
        raise NotImplementedError


DRIVERS: dict[str, Driver] = {"sample": Sample()}
SECRETS = {"password": "canary", "headers.X-Key": "another"}


class Killed(BaseException):
    """The process is gone."""


T = TypeVar("T")
Hook = Callable[[str], Awaitable[None]]


async def _nothing(call: str) -> None:
    """Let the call be."""


class InterruptibleStore(ConfigStore):
    """A store whose every call can be interrupted, before or after it took effect."""

    def __init__(self, inner: ConfigStore, *, before: Hook = _nothing, after: Hook = _nothing) -> None:
        self._inner = inner
        self.before = before
        self.after = after

    async def open(self) -> None:
        await self._inner.open()

    async def close(self) -> None:
        await self._inner.close()

    async def get(self, kind: type[R], record_id: str) -> R | None:
        return await self._around("get", self._inner.get(kind, record_id))

    async def find(
        self, kind: type[R], *, where: Mapping[str, str] | None = None, after: str = "", limit: int = 2
    ) -> tuple[R, ...]:
        return await self._around("find", self._inner.find(kind, where=where, after=after, limit=limit))

    async def commit(self, *changes: Change) -> int:
        return await self._around("commit", self._inner.commit(*changes))

    async def changes(self, after: int) -> Changes:
        return await self._around("changes", self._inner.changes(after))

    async def meta_keys(self) -> tuple[str, ...]:
        return await self._inner.meta_keys()

    async def get_meta(self, key: str) -> bytes | None:
        return await self._around("get_meta", self._inner.get_meta(key))

    async def put_meta(self, key: str, value: bytes, *, expected: bytes | None) -> None:
        await self._around("put_meta", self._inner.put_meta(key, value, expected=expected))

    async def _around(self, call: str, work: Coroutine[Any, Any, T]) -> T:
        try:
            await self.before(call)
        except BaseException:
            work.close()
            raise
        result = await work
        await self.after(call)
        return result


def killing_at(number: int) -> Hook:
    """Return a hook that lets so many calls be and kills the process at the next."""
    left = number

    async def hook(call: str) -> None:
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1

    return hook


async def opened_store(data: MemoryData | None = None) -> MemoryStore:
    store = MemoryStore(data)
    await store.open()
    return store


async def open_keyring(store: ConfigStore, password: Secret = PASSWORD, salt: Secret = SALT) -> Keyring:
    return await Keyring.open(store, password, salt, DRIVERS, cost=FLOOR)


async def add(store: ConfigStore, keyring: Keyring, number: int, kind: str = "sample") -> Datasource:
    blank = Datasource(
        id=f"{number:024x}", workspace_id="w", name=f"db{number}", kind=kind, configuration={"host": f"db{number}"}
    )
    record = replace(blank, secrets=keyring.sealing.seal(DRIVERS["sample"], blank, SECRETS))
    await store.commit(Put(record, expected=0))
    return record


async def assert_everything_opens(store: ConfigStore, keyring: Keyring) -> None:
    async for record in store.scan(Datasource):
        unsealed = keyring.sealing.unseal(DRIVERS["sample"], record)
        assert {name: secret.reveal() for name, secret in unsealed.items()} == SECRETS


async def filled() -> tuple[MemoryData, Keyring]:
    """Return a store's data with three datasources in it, and the key ring under which their secrets are."""
    data = MemoryData()
    store = await opened_store(data)
    keyring = await open_keyring(store)
    for number in range(1, 4):
        await add(store, keyring, number)
    return data, keyring
