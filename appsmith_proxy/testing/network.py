"""A plain ``sdk.Network`` for tests: loopback only, everything that a driver asks of it recorded."""

import asyncio
import ipaddress
import ssl
import tempfile
from pathlib import Path
from typing import Any

from appsmith_proxy.sdk import ConnectFailed, Outcome, Target, TlsFailed, TlsMode, TlsOptions


class LoopbackNetwork:
    """Let a driver reach this machine and nothing else."""

    def __init__(self, *, denied: bool = False) -> None:
        self.denied = denied
        """True refuses every address: a driver that still sends a byte dials by itself."""
        self.asked: list[tuple[str, int]] = []
        """Every (host, port) that the driver asked for, in order, refused ones too."""

    async def resolve(self, host: str, port: int) -> Target:
        """Return the loopback address that a host stands for. No name server is asked."""
        self.asked.append((host, port))
        if self.denied:
            raise ConnectFailed("the address is denied", outcome=Outcome.NOT_SENT)
        address = "127.0.0.1" if host == "localhost" else host.strip("[]")
        try:
            loopback = ipaddress.ip_address(address).is_loopback
        except ValueError:
            loopback = False
        if not loopback:
            raise ConnectFailed(
                "only loopback addresses can be reached here",
                hint="write the server's address as 127.0.0.1 or localhost",
                outcome=Outcome.NOT_SENT,
            )
        return Target(host=host, port=port, addresses=(address,))

    def tls(self, target: Target, options: TlsOptions) -> ssl.SSLContext | None:
        """Return a context for the mode. Pinned keys are the real network's business."""
        if options.mode is TlsMode.DISABLE:
            return None
        context = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)
        context.server_name = target.host
        context.check_hostname = options.mode is TlsMode.VERIFY_FULL
        context.verify_mode = ssl.CERT_NONE if options.mode is TlsMode.REQUIRE else ssl.CERT_REQUIRED
        try:
            if options.ca:
                context.load_verify_locations(cadata=options.ca)
            elif options.mode is not TlsMode.REQUIRE:
                context.load_default_certs()
            if options.certificate:
                _load_chain(context, options)
        except (ssl.SSLError, ValueError):
            raise TlsFailed("the certificates or the key cannot be read", outcome=Outcome.NOT_SENT) from None
        return context

    async def connect(
        self, host: str, port: int, *, tls: TlsOptions | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Dial; the caller closes the writer."""
        target = await self.resolve(host, port)
        context = self.tls(target, tls) if tls is not None else None
        try:
            return await asyncio.open_connection(
                target.addresses[0], port, ssl=context, server_hostname=target.host if context else None
            )
        except ssl.SSLError:
            raise TlsFailed("the server's identity could not be verified", outcome=Outcome.NOT_SENT) from None
        except OSError:
            raise ConnectFailed("nobody answers at the address", outcome=Outcome.NOT_SENT) from None

    async def relay(self, host: str, port: int) -> tuple[str, int]:
        """Return the address itself: it is a loopback address already."""
        target = await self.resolve(host, port)
        return target.addresses[0], port

    async def presented_chain(self, host: str, port: int, *, protocol: str = "tls") -> tuple[str, ...]:
        """Return nothing: only editors of the real proxy see chains."""
        self.asked.append((host, port))
        return ()


class _NamedContext(ssl.SSLContext):
    """Verify one name, whatever address a library dials."""

    server_name: str = ""

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        """Fix the server's name."""
        return super().wrap_bio(*args, **{**options, "server_hostname": self.server_name})


def _load_chain(context: ssl.SSLContext, options: TlsOptions) -> None:
    """Load a client certificate; the library takes files only, so one exists for a moment, readable by its owner."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(options.key + "\n" + options.certificate)
        file.flush()
        context.load_cert_chain(Path(file.name))
