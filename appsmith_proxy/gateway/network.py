"""The network guard: the only way out for drivers. Every address is checked before a byte is sent.

::

    host ──canonical_host──▶ name or literal ──resolve──▶ all addresses ──classify──▶ Target ──dial──▶ peer checked again

What is denied whatever the settings say: metadata services, link-local, unspecified, multicast, broadcast and reserved
addresses, the proxy's own listeners and its store. Loopback needs ``allow_loopback``. Why: docs/explanation/network.md.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeAlias

from appsmith_proxy.errors import CapabilityNotSupported, ConnectFailed, Outcome, TlsFailed
from appsmith_proxy.gateway.addresses import (
    LOOPBACK_ADDRESSES,
    LOOPBACK_NAME,
    Address,
    HostRefused,
    Standing,
    canonical_host,
    classify,
    parse_address,
)
from appsmith_proxy.gateway.network_tls import ask_for_tls, presented_chain, tls_context
from appsmith_proxy.sdk import Network, Target, TlsOptions

Endpoint: TypeAlias = tuple[str, int]
"""(host name or address, port)."""
Resolver: TypeAlias = Callable[[str, int], Awaitable[list[str]]]
"""Host name and port → all its addresses as literals. Raises OSError when there are none."""

RESOLVE_SECONDS: Final = 5.0
CONNECT_SECONDS: Final = 10.0
MAX_ANSWERS: Final = 32
_UNREACHABLE: Final = "Check the host, the port, and that the server runs and can be reached from here."


async def system_resolver(host: str, port: int) -> list[str]:
    """Ask the operating system."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def _nothing() -> tuple[Endpoint, ...]:
    return ()


class Guard(Network):
    """The one implementation of ``sdk.Network``. Holds no connection: what it opens belongs to the caller.

    Args:
        allow_loopback: let datasources be on this machine's loopback.
        own_listeners: the (address, port)s on which the proxy listens now.
        store: the (host, port)s of the configuration store's servers, as they are known now.
        resolver: asks for a name's addresses.
    """

    def __init__(
        self,
        *,
        allow_loopback: bool = False,
        own_listeners: Callable[[], Iterable[Endpoint]] = _nothing,
        store: Callable[[], Iterable[Endpoint]] = _nothing,
        resolver: Resolver = system_resolver,
        resolve_seconds: float = RESOLVE_SECONDS,
        connect_seconds: float = CONNECT_SECONDS,
    ) -> None:
        self._allow_loopback = allow_loopback
        self._own_listeners = own_listeners
        self._store = store
        self._resolver = resolver
        self._resolve_seconds = resolve_seconds
        self._connect_seconds = connect_seconds
        self.denials = 0
        """How often a destination was denied."""

    async def resolve(self, host: str, port: int) -> Target:
        """Resolve once and check all answers; see ``sdk.Network``."""
        try:
            name = canonical_host(host)
        except HostRefused as exc:
            raise self._denied(str(exc.args[0])) from None
        if not 1 <= port <= 65_535:
            raise self._denied("a port must be between 1 and 65535")
        addresses = await self._addresses(name, port)
        for address in addresses:
            self._check_standing(address)
        await self._check_own(name, addresses, port)
        return Target(host=name, port=port, addresses=tuple(map(str, addresses)))

    def tls(self, target: Target, options: TlsOptions) -> ssl.SSLContext | None:
        """Return a context that verifies ``target.host`` whatever address is dialled; see ``sdk.Network``."""
        return tls_context(target, options)

    async def connect(
        self, host: str, port: int, *, tls: TlsOptions | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Resolve, check, dial exactly a checked address, and check the peer; see ``sdk.Network``."""
        target = await self.resolve(host, port)
        context = None if tls is None else self.tls(target, tls)
        sock = await self._dial(target)
        try:
            async with asyncio.timeout(self._connect_seconds):
                return await asyncio.open_connection(
                    sock=sock, ssl=context, server_hostname=target.host if context else None
                )
        except TimeoutError:
            sock.close()
            raise _failed("the server did not answer the TLS handshake in time") from None
        except OSError as exc:
            sock.close()
            raise _tls_failed() if context else _failed(_in_words(exc)) from None
        except BaseException:
            sock.close()
            raise

    async def relay(self, host: str, port: int) -> tuple[str, int]:
        """Refuse: a listener on loopback would be open to every process of the machine."""
        raise CapabilityNotSupported(
            "this proxy offers no relay on loopback yet",
            hint="Dial the addresses of resolve(), or use connect().",
        )

    async def presented_chain(self, host: str, port: int, *, protocol: str = "tls") -> tuple[str, ...]:
        """Describe the certificates that a server presents; see ``sdk.Network``."""
        reader, writer = await self.connect(host, port)
        try:
            async with asyncio.timeout(self._connect_seconds):
                if not await ask_for_tls(protocol, reader, writer):
                    return ()
                return await presented_chain(reader, writer, Target(host=canonical_host(host), port=port, addresses=()))
        except (OSError, EOFError, TimeoutError):
            return ()
        finally:
            writer.transport.abort()

    async def _addresses(self, name: str, port: int) -> list[Address]:
        """Return every address of a canonical host, each once, in the resolver's order."""
        literal = parse_address(name)
        if literal is not None:
            return [literal]
        answers = list(LOOPBACK_ADDRESSES) if name == LOOPBACK_NAME else await self._ask(name, port)
        if len(answers) > MAX_ANSWERS:
            raise self._denied(f"the host has more than {MAX_ANSWERS} addresses")
        found: dict[Address, None] = {}
        for answer in answers:
            address = parse_address(answer)
            if address is None:
                raise self._denied("the host resolves to something that is no plain address")
            found[address] = None
        if not found:
            raise _failed("the host name does not resolve")
        return list(found)

    async def _ask(self, name: str, port: int) -> list[str]:
        try:
            async with asyncio.timeout(self._resolve_seconds):
                return list(dict.fromkeys(await self._resolver(name, port)))
        except TimeoutError:
            raise _failed("the host name did not resolve in time") from None
        except (OSError, UnicodeError):
            raise _failed("the host name does not resolve") from None

    def _check_standing(self, address: Address) -> None:
        verdict = classify(address)
        if verdict.standing is Standing.LOOPBACK:
            if not self._allow_loopback:
                raise self._denied("an address of the host is loopback", "The setting allow_loopback permits it.")
        elif verdict.standing is Standing.DENIED:
            raise self._denied(f"an address of the host is {verdict.reason}")

    async def _check_own(self, name: str, addresses: list[Address], port: int) -> None:
        """Deny the proxy's own listeners and its store, by name and by any address of this machine that reaches them."""
        for own_host, own_port in self._own_listeners():
            if own_port == port and _meets(addresses, parse_address(own_host)):
                raise self._denied("the host and port are the proxy's own")
        for store_host, store_port in self._store():
            if store_port != port:
                continue
            store_name = canonical_host(store_host)
            stored = [] if store_name == name else await self._addresses(store_name, port)  # cannot tell: refuse
            if store_name == name or any(_meets(addresses, address) for address in stored):
                raise self._denied("the host and port are those of the proxy's own store")

    async def _dial(self, target: Target) -> socket.socket:
        """Connect to the first address that answers; each gets its share of the time."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._connect_seconds
        failure = "the server did not answer in time"
        for index, literal in enumerate(target.addresses):
            share = max(0.0, end - loop.time()) / (len(target.addresses) - index)
            try:
                async with asyncio.timeout(share):
                    return await _connected(literal, target.port)
            except TimeoutError:
                failure = "the server did not answer in time"
            except OSError as exc:
                failure = _in_words(exc)
        raise _failed(failure)

    def _denied(self, why: str, hint: str = "") -> ConnectFailed:
        self.denials += 1
        return ConnectFailed(f"the destination is not allowed: {why}", hint=hint, outcome=Outcome.NOT_SENT)


async def _connected(literal: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in literal else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.settimeout(0)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, (literal, port))
        peer = sock.getpeername()
        if parse_address(peer[0]) != parse_address(literal) or peer[1] != port:
            raise ConnectionError("another peer than the checked one")
    except BaseException:
        sock.close()
        raise
    return sock


def _meets(addresses: Iterable[Address], own: Address | None) -> bool:
    """Return whether dialling one of ``addresses`` can reach a listener on ``own`` (None: on an unknown name)."""
    if own is None:
        return any(_is_here(address) for address in addresses)
    if own.is_unspecified or _is_here(own):
        return any(address == own or _is_here(address) for address in addresses)
    return own in addresses


def _is_here(address: Address) -> bool:
    """Return whether an address is this machine's: the kernel lets nobody bind another's."""
    if address.is_loopback:
        return True
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True


def _in_words(exc: OSError) -> str:
    if isinstance(exc, ConnectionRefusedError):
        return "the server refuses connections"
    return "the server cannot be reached"


def _failed(why: str) -> ConnectFailed:
    return ConnectFailed(why, hint=_UNREACHABLE, outcome=Outcome.NOT_SENT)


def _tls_failed() -> TlsFailed:
    return TlsFailed(
        "the TLS handshake failed, or the server's identity could not be verified",
        hint="Check the TLS mode, the certificate authorities, the pinned key and the server's name.",
        outcome=Outcome.NOT_SENT,
    )
