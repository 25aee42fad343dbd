"""Tokens: told once, hashed, expiring, revoked everywhere within a second."""

import asyncio
import hashlib
import logging
import re
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appsmith_proxy.access.tokens import Tokens
from appsmith_proxy.errors import InvalidRequest, NotFound, StoreStale, Unauthenticated
from appsmith_proxy.model.ids import new_id
from appsmith_proxy.model.principal import Principal, Role, User
from appsmith_proxy.model.records import Token, Workspace
from appsmith_proxy.store.cache import CachedStore
from appsmith_proxy.store.contract import Put
from appsmith_proxy.store.memory import MemoryData, MemoryStore
from appsmith_proxy.store.sqlite import SqliteStore

ROOT = Path(__file__).parents[3]
DAY = 86_400.0


class Clock:
    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Access:
    """One process's tokens, on a store that other processes may share."""

    def __init__(self, data: MemoryData) -> None:
        self.wall = Clock()
        self.monotonic = Clock(0.0)
        self.store = MemoryStore(data)
        self.cache = CachedStore(self.store, clock=self.monotonic)
        self.tokens = Tokens(self.cache, self.store, self.wall)

    async def open(self) -> "Access":
        await self.store.open()
        await self.cache.refresh()
        return self

    async def refuses(self, header: str | None) -> bool:
        assert self.tokens.authenticate_cached(header) is None
        with pytest.raises(Unauthenticated) as refused:
            await self.tokens.authenticate(header)
        assert refused.value.message == "no valid credentials came with the request"
        assert (refused.value.hint, refused.value.details) == ("", ())
        return True


@pytest.fixture
def data() -> MemoryData:
    return MemoryData()


@pytest.fixture
async def access(data: MemoryData) -> Access:
    return await Access(data).open()


@pytest.fixture
async def other(data: MemoryData) -> Access:
    return await Access(data).open()


async def test_a_token_says_who_its_caller_is(access: Access) -> None:
    workspace = Workspace(id=new_id(), name="Sales")
    await access.store.commit(Put(workspace, expected=0))
    user = User(id="u1", email="u1@example.com", groups=("a",))
    token, plain = await access.tokens.create(Role.DEVELOPER, workspace.id, user)
    header = f"Bearer {plain}"
    assert access.tokens.authenticate_cached(header) is None
    caller = await access.tokens.authenticate(header)
    assert caller == Principal(id=token.id, role=Role.DEVELOPER, workspace_id=workspace.id, user=user)
    assert access.tokens.authenticate_cached(header) is caller
    assert await access.tokens.authenticate(header) is caller


async def test_the_token_itself_is_kept_nowhere(access: Access, data: MemoryData) -> None:
    token, plain = await access.tokens.create(Role.VIEWER)
    await access.tokens.authenticate(f"Bearer {plain}")
    assert re.fullmatch(r"asp_[A-Za-z0-9_-]{43}", plain)
    assert token.sha256 == hashlib.sha256(plain.encode()).hexdigest()
    held = repr((token, data, access.tokens._remembered, access.cache._records, access.cache._finds))
    assert token.sha256 in held
    assert plain.removeprefix("asp_") not in held


async def test_tokens_differ(access: Access) -> None:
    made = [await access.tokens.create(Role.VIEWER) for _ in range(50)]
    assert len({plain for _, plain in made}) == len({token.id for token, _ in made}) == 50
    assert {token.id for token in await access.tokens.list()} == {token.id for token, _ in made}


async def test_a_token_lives_90_days_or_as_long_as_it_was_given(access: Access) -> None:
    for days, given in ((90.0, {}), (1.0, {"days": 1}), (0.5, {"days": 0.5})):
        token, plain = await access.tokens.create(Role.VIEWER, **given)
        assert token.created_at == datetime.fromtimestamp(access.wall.now, UTC)
        header, born = f"Bearer {plain}", access.wall.now
        access.wall.now = born + days * DAY - 1
        await access.tokens.authenticate(header)
        assert access.tokens.authenticate_cached(header) is not None
        access.wall.now = born + days * DAY
        assert await access.refuses(header)


async def test_an_expired_token_is_refused_when_it_was_never_seen_before(access: Access) -> None:
    _, plain = await access.tokens.create(Role.VIEWER, days=1)
    access.wall.now += 2 * DAY
    assert await access.refuses(f"Bearer {plain}")


@pytest.mark.parametrize("days", [0, -1, 3_651, float("nan"), float("inf")])
async def test_a_lifetime_out_of_bounds_is_refused(access: Access, days: float) -> None:
    with pytest.raises(InvalidRequest):
        await access.tokens.create(Role.VIEWER, days=days)
    assert await access.tokens.list() == ()


async def test_a_token_for_no_workspace_is_refused(access: Access) -> None:
    with pytest.raises(NotFound):
        await access.tokens.create(Role.VIEWER, new_id())
    assert await access.tokens.list() == ()


async def test_only_one_spelling_of_the_header_is_read(access: Access) -> None:
    _, plain = await access.tokens.create(Role.VIEWER)
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert (await access.tokens.authenticate(f"{scheme} {plain}")).role is Role.VIEWER
    for header in (
        None,
        "",
        plain,
        "Bearer",
        "Bearer ",
        f"Bearer  {plain}",
        f" Bearer {plain}",
        f"Bearer {plain} ",
        f"Bearer {plain}\n",
        f"Bearer\t{plain}",
        f"Bearer {plain},Bearer {plain}",
        f"Bearer {plain}=",
        f"Bearer {plain[:-1]}",
        f"Bearer {plain}A",
        f"Bearer {plain.upper()}",
        f"Bearer {plain.removeprefix('asp_')}",
        f"Basic {plain}",
        f"Token {plain}",
        f"Bearer asp_{'é' * 43}",
        f"Bearer asp_{'٣' * 43}",
        f"Bearer asp_{'A' * 43}",
        "Bearer asp_" + "\udcff" * 43,  # how aiohttp decodes a byte that is no UTF-8
        "Bearer " + "A" * 100_000,
    ):
        assert await access.refuses(header)


async def test_a_revoked_token_is_refused_at_once_here_and_after_a_poll_there(access: Access, other: Access) -> None:
    token, plain = await access.tokens.create(Role.VIEWER)
    kept, kept_plain = await access.tokens.create(Role.VIEWER)
    await other.cache.refresh()
    for process in (access, other):
        await process.tokens.authenticate(f"Bearer {plain}")
        await process.tokens.authenticate(f"Bearer {kept_plain}")
    await access.tokens.revoke(token.id)
    assert await access.refuses(f"Bearer {plain}")
    await other.cache.refresh()
    assert await other.refuses(f"Bearer {plain}")
    assert (await other.tokens.authenticate(f"Bearer {kept_plain}")).id == kept.id
    with pytest.raises(NotFound):
        await access.tokens.revoke(token.id)


async def test_a_changed_role_counts_after_a_poll(access: Access) -> None:
    token, plain = await access.tokens.create(Role.DEVELOPER)
    await access.tokens.authenticate(f"Bearer {plain}")
    await access.store.commit(Put(replace(token, role=Role.VIEWER), expected=1))
    await access.cache.refresh()
    await access.cache.get(
        Token, token.id
    )  # somebody else has read the new record: it is not the one that was remembered
    assert access.tokens.authenticate_cached(f"Bearer {plain}") is None
    assert (await access.tokens.authenticate(f"Bearer {plain}")).role is Role.VIEWER


async def test_no_caller_is_known_when_the_feed_is_stale(access: Access) -> None:
    _, plain = await access.tokens.create(Role.VIEWER)
    await access.tokens.authenticate(f"Bearer {plain}")
    access.monotonic.now += 5
    with pytest.raises(StoreStale):
        access.tokens.authenticate_cached(f"Bearer {plain}")
    with pytest.raises(StoreStale):
        await access.tokens.authenticate(f"Bearer {plain}")


async def test_a_token_whose_stored_hash_is_another_is_refused(access: Access) -> None:
    """The index says which record; the record itself must agree."""
    token, plain = await access.tokens.create(Role.VIEWER)

    class Confused(MemoryStore):
        async def find(self, kind: type[Token], **_: object) -> tuple[Token, ...]:  # type: ignore[override]  # reason: answers anything
            return (replace(token, sha256="0" * 64),)

    store = Confused()
    await store.open()
    cache = CachedStore(store)
    await cache.refresh()
    with pytest.raises(Unauthenticated):
        await Tokens(cache, store, access.wall).authenticate(f"Bearer {plain}")


async def test_a_flood_of_invalid_tokens_takes_no_room(access: Access) -> None:
    _, plain = await access.tokens.create(Role.VIEWER)
    await access.tokens.authenticate(f"Bearer {plain}")
    for number in range(2_000):
        with pytest.raises(Unauthenticated):
            await access.tokens.authenticate(f"Bearer asp_{number:043d}")
    assert len(access.tokens._remembered) == 1
    assert len(access.cache._misses) <= 1_000
    assert access.tokens.authenticate_cached(f"Bearer {plain}") is not None


async def test_remembered_tokens_are_bounded(access: Access) -> None:
    tokens = Tokens(access.cache, access.store, access.wall, remembered=2)
    headers = [f"Bearer {(await tokens.create(Role.VIEWER))[1]}" for _ in range(4)]
    for _ in range(2):
        for header in headers:
            await tokens.authenticate(header)
            assert len(tokens._remembered) <= 2


async def test_nothing_of_a_token_is_logged(access: Access, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token, plain = await access.tokens.create(Role.VIEWER)
    await access.tokens.authenticate(f"Bearer {plain}")
    await access.tokens.revoke(token.id)
    await access.refuses(f"Bearer {plain}")
    assert plain[8:] not in caplog.text


async def test_a_token_revoked_by_another_process_is_refused_within_a_second(tmp_path: Path) -> None:
    store_path = tmp_path / "store" / "proxy.db"
    store = SqliteStore(store_path)
    await store.open()
    cache = CachedStore(store)
    await cache.start()
    tokens = Tokens(cache, store)
    token, plain = await tokens.create(Role.VIEWER)
    header = f"Bearer {plain}"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.unit.access.revoker", str(store_path), token.id),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            assert await process.stdout.readline() == b"ready\n"
            await tokens.authenticate(header)
            output = asyncio.create_task(process.communicate(b"go\n"))
            while (caller := await _caller(tokens, header)) is not None:
                assert caller.id == token.id
                await asyncio.sleep(0.005)
            refused_at = time.monotonic()
            revoked_at = float((await output)[0])
        assert refused_at - revoked_at < 1.0
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await cache.stop()
        await store.close()


async def _caller(tokens: Tokens, header: str) -> Principal | None:
    try:
        return tokens.authenticate_cached(header) or await tokens.authenticate(header)
    except Unauthenticated:
        return None
