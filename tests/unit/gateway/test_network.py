"""The guard against real sockets: what is denied never reaches the kernel, what is allowed is what was checked."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from ipaddress import ip_address

import pytest

from appsmith_proxy.errors import CapabilityNotSupported, ConnectFailed, Outcome
from appsmith_proxy.gateway.addresses import Standing, classify
from appsmith_proxy.gateway.network import MAX_ANSWERS, Guard, Resolver, system_resolver
from tests.servers.sockets import watched_connects
from tests.servers.tcp import tcp_server


def answering(*addresses: str) -> Resolver:
    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return resolve


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"hello")


def listener(host: str = "127.0.0.1") -> contextlib.AbstractAsyncContextManager[int]:
    return tcp_server(greet, host=host)


def own_address() -> str | None:
    """Return an allowed address of this machine that is not loopback, if there is one. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address: str = probe.getsockname()[0]
        return address if classify(ip_address(address)).standing in (Standing.PUBLIC, Standing.PRIVATE) else None


async def refused(guard: Guard, host: str, port: int) -> str:
    """Assert that a host is refused by resolve and by connect without a byte, and return the words."""
    with watched_connects() as seen:
        with pytest.raises(ConnectFailed) as caught:
            await guard.connect(host, port)
        with pytest.raises(ConnectFailed):
            await guard.resolve(host, port)
    assert seen == []
    assert caught.value.outcome is Outcome.NOT_SENT
    return caught.value.message


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "fe80::1",
        "::",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
    ],
)
async def test_fixed_denials_hold_whatever_the_settings_say(host: str) -> None:
    guard = Guard(allow_loopback=True)
    assert "not allowed" in await refused(guard, host, 80)
    assert guard.denials == 2


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST.", "::ffff:127.0.0.1"])
async def test_loopback_needs_the_setting(host: str) -> None:
    assert "loopback" in await refused(Guard(), host, 80)
    assert (await Guard(allow_loopback=True).resolve(host, 80)).port == 80


@pytest.mark.parametrize("host", ["10.1.2.3", "192.168.1.1", "fd12::1", "8.8.8.8"])
async def test_private_and_public_addresses_are_allowed(host: str) -> None:
    assert (await Guard().resolve(host, 5432)).addresses == (host,)


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "１２７.0.0.1", "/var/run/db", "user@host", "a..b", ""])
async def test_an_unusual_spelling_is_refused_before_anybody_is_asked(host: str) -> None:
    asked: list[str] = []

    async def resolve(name: str, port: int) -> list[str]:
        asked.append(name)
        return ["8.8.8.8"]

    await refused(Guard(allow_loopback=True, resolver=resolve), host, 80)
    assert asked == []


@pytest.mark.parametrize("port", [0, -1, 65_536])
async def test_a_port_is_a_port(port: int) -> None:
    await refused(Guard(), "8.8.8.8", port)


@pytest.mark.parametrize(
    "answers",
    [
        ("8.8.8.8", "169.254.169.254"),
        ("169.254.169.254", "8.8.8.8"),
        ("8.8.8.8", "127.0.0.1"),
        ("8.8.8.8", "::ffff:127.0.0.1"),
        ("2606:4700::1111", "fe80::1%2"),
        ("8.8.8.8", "not an address"),
        tuple(f"8.8.{n}.1" for n in range(MAX_ANSWERS + 1)),
    ],
)
async def test_one_bad_answer_refuses_them_all(answers: tuple[str, ...]) -> None:
    assert "not allowed" in await refused(Guard(resolver=answering(*answers)), "db.example", 80)


async def test_answers_come_once_and_in_order() -> None:
    guard = Guard(resolver=answering("8.8.8.8", "2606:4700::1111", "8.8.8.8"))
    assert (await guard.resolve("DB.example.", 80)).addresses == ("8.8.8.8", "2606:4700::1111")


async def test_a_name_without_addresses_does_not_resolve() -> None:
    async def failing(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    for resolver in (failing, answering()):
        assert "does not resolve" in await refused(Guard(resolver=resolver), "db.example", 80)


async def test_a_resolver_that_stalls_is_given_up() -> None:
    async def stalling(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    assert "in time" in await refused(Guard(resolver=stalling, resolve_seconds=0.02), "db.example", 80)


async def test_the_peer_is_the_checked_address_even_when_the_answer_changes() -> None:
    async with listener() as port:
        answers = iter([["127.0.0.1"], ["169.254.169.254"]])

        async def changing(host: str, port: int) -> list[str]:
            return next(answers)

        guard = Guard(allow_loopback=True, resolver=changing)
        with watched_connects() as seen:
            reader, writer = await guard.connect("db.example", port)
            assert await reader.read() == b"hello"
            writer.close()
            await writer.wait_closed()
            with pytest.raises(ConnectFailed):
                await guard.connect("db.example", port)
        assert seen == [("127.0.0.1", port)]


async def test_the_next_address_is_tried_when_one_refuses() -> None:
    async with listener("127.0.0.2") as port:
        guard = Guard(allow_loopback=True, resolver=answering("127.0.0.1", "127.0.0.2"))
        _, writer = await guard.connect("db.example", port)
        assert writer.get_extra_info("peername") == ("127.0.0.2", port)
        writer.close()
        await writer.wait_closed()


async def test_a_closed_port_says_so_at_once() -> None:
    async with listener() as port:
        pass
    with pytest.raises(ConnectFailed, match="refuses"):
        await Guard(allow_loopback=True).connect("127.0.0.1", port)


@pytest.mark.parametrize("own", ["127.0.0.1", "0.0.0.0", "::", "::1", "127.0.0.2"])
async def test_own_listeners_are_denied_at_any_address_of_this_machine(own: str) -> None:
    guard = Guard(allow_loopback=True, own_listeners=lambda: [(own, 8080)])
    for host in filter(None, ["127.0.0.1", "127.0.0.2", "localhost", "::1", own_address()]):
        assert "proxy's own" in await refused(guard, host, 8080)
        assert (await guard.resolve(host, 8081)).port == 8081
    assert (await guard.resolve("8.8.8.8", 8080)).port == 8080


async def test_an_own_listener_on_one_address_is_denied_through_a_name_too() -> None:
    guard = Guard(own_listeners=lambda: [("10.0.0.5", 8080)], resolver=answering("10.0.0.5"))
    assert "proxy's own" in await refused(guard, "proxy.example", 8080)


async def test_own_listeners_are_asked_each_time() -> None:
    listeners: list[tuple[str, int]] = []
    guard = Guard(allow_loopback=True, own_listeners=lambda: listeners)
    await guard.resolve("127.0.0.1", 8080)
    listeners.append(("127.0.0.1", 8080))
    await refused(guard, "127.0.0.1", 8080)


async def test_the_store_is_denied_by_name_and_by_address() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return {"store.example": ["10.0.0.9"], "alias.example": ["10.0.0.9"], "db.example": ["10.0.0.7"]}[host]

    guard = Guard(store=lambda: [("Store.Example", 27017)], resolver=resolve)
    for host in ("store.example", "alias.example", "10.0.0.9"):
        assert "store" in await refused(guard, host, 27017)
        assert (await guard.resolve(host, 5432)).port == 5432
    assert (await guard.resolve("db.example", 27017)).addresses == ("10.0.0.7",)


async def test_a_store_whose_address_cannot_be_told_refuses_its_port() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        if host == "store.example":
            raise OSError
        return ["10.0.0.7"]

    await refused(Guard(store=lambda: [("store.example", 27017)], resolver=resolve), "db.example", 27017)


async def test_no_relay_is_offered() -> None:
    with pytest.raises(CapabilityNotSupported):
        await Guard().relay("8.8.8.8", 80)


async def test_the_system_resolver_answers_with_literals() -> None:
    assert "127.0.0.1" in await system_resolver("127.0.0.1", 80)


@pytest.mark.parametrize("cancel_after", [0, 1, 2])
async def test_cancelling_leaves_no_socket(cancel_after: int, open_descriptors: Callable[[], int]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel accepts, nobody here does
        before = open_descriptors()
        port = silent.getsockname()[1]
        task = asyncio.create_task(Guard(allow_loopback=True).connect("127.0.0.1", port))
        for _ in range(cancel_after):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert open_descriptors() == before
