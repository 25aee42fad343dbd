"""A runtime on a socket: listen, serve, and stop without cutting anybody off.

Stopping, in order: readiness fails and every answer closes its connection, so that load balancers look elsewhere; then no
new connection is accepted; what runs may finish; what does not within ``drain_seconds`` is cancelled.
"""

import asyncio
import gc
import logging
import signal
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Protocol, Self, final

from aiohttp.http import HttpRequestParser

from appsmith_proxy.errors import ConfigurationError
from appsmith_proxy.settings import Settings
from appsmith_proxy.web.api import Api
from appsmith_proxy.web.options import WebOptions
from appsmith_proxy.web.services import Services
from appsmith_proxy.web.serving import Serving
from appsmith_proxy.web.web_server import WebServer

NOTICE_SECONDS: Final = 5.0
"""How long load balancers have to notice; over at once when nobody is connected."""
CANCEL_SECONDS: Final = 0.5
"""For cancelled work to end."""
BACKLOG: Final = 1_024
POLL_SECONDS: Final = 0.02

_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

_log: Final = logging.getLogger("appsmith_proxy.server")


class ServedRuntime(Services, Protocol):
    """A runtime, as its server sees it."""

    @property
    def settings(self) -> Settings:
        """Where to listen, and the bounds."""

    @property
    def listeners(self) -> list[tuple[str, int]]:
        """Told where the server listens: no datasource may be there."""


@final
class Server:
    """Serves a runtime while its context is entered."""

    def __init__(self, runtime: ServedRuntime, *, notice_seconds: float = NOTICE_SECONDS) -> None:
        self._settings = runtime.settings
        self._listeners = runtime.listeners
        self._notice_seconds = notice_seconds
        self._serving = Serving()
        self._api, self._http = build_app(runtime, web_options(runtime.settings), self._serving)
        self._listening: asyncio.Server | None = None
        self._bound: list[tuple[str, int]] = []

    @property
    def host(self) -> str:
        """The address it listens on."""
        return self._bound[0][0]

    @property
    def port(self) -> int:
        """The port it listens on, also when any free one was asked for."""
        return self._bound[0][1]

    async def __aenter__(self) -> Self:
        _check_parser()
        loop = asyncio.get_running_loop()
        try:
            self._listening = await loop.create_server(
                self._http, self._settings.host, self._settings.port, backlog=BACKLOG
            )
        except OSError as error:
            raise ConfigurationError(
                f"cannot listen on {self._settings.host}:{self._settings.port}",
                hint="another process has the port, or the address is not this machine's",
            ) from error
        addresses = [bound.getsockname() for bound in self._listening.sockets]
        self._bound = [(str(address[0]), int(address[1])) for address in addresses]
        self._listeners.extend(self._bound)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def wait_stopped(self) -> None:
        """Wait for SIGTERM or SIGINT, then let load balancers notice. A second signal ends the process at once."""
        loop = asyncio.get_running_loop()
        asked = asyncio.Event()
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, asked.set)
        try:
            await asked.wait()
        finally:
            for number in _STOP_SIGNALS:
                loop.remove_signal_handler(number)
        _log.info("stopping")
        self._serving.draining = True
        await self._until(lambda: not self._http.connections, self._notice_seconds)

    async def stop(self) -> None:
        """Stop accepting, let what runs finish, cancel what does not. Idempotent."""
        self._serving.draining = True
        if self._listening is None:
            return
        self._listening.close()
        self._listening = None
        self._http.hang_up()
        if not await self._until(lambda: not self._http.busy, self._settings.drain_seconds):
            _log.warning("executions were cancelled: they did not end within %g seconds", self._settings.drain_seconds)
        await self._http.shutdown(CANCEL_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.drain_seconds + CANCEL_SECONDS):
                await self._api.finish()
        for address in self._bound:
            self._listeners.remove(address)

    async def _until(self, done: Callable[[], bool], seconds: float) -> bool:
        deadline = asyncio.get_running_loop().time() + seconds
        while not done():
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(POLL_SECONDS)
        return True


def settle_memory() -> None:
    """Tell the garbage collector that all there is now stays. For a process that does nothing but serve, once.

    Otherwise it would go through everything that was imported each time that a large answer makes many objects.
    """
    gc.collect()
    gc.freeze()


async def serve(runtime: ServedRuntime) -> None:
    """Serve a runtime until a signal ends it."""
    async with Server(runtime) as server:
        settle_memory()
        _log.info("listening on %s port %d", server.host, server.port)
        await server.wait_stopped()


def build_app(services: Services, options: WebOptions, serving: Serving) -> tuple[Api, WebServer]:
    """Put the API behind a server that does not listen yet. Fails when a route has no permission."""
    api = Api(services, options, serving)
    return api, WebServer(api.handle, options=options, serving=serving)


def web_options(settings: Settings) -> WebOptions:
    """Return the bounds of the web room that the settings say."""
    return WebOptions(
        execute_body_bytes=settings.max_body_bytes,
        value_bytes=settings.max_value_bytes,
        header_seconds=settings.header_seconds,
        body_seconds=settings.body_seconds,
        write_seconds=settings.write_seconds,
        idle_seconds=settings.idle_seconds,
        connections=settings.max_connections,
        connections_per_address=settings.max_connections_per_address,
        allowed_origins=settings.allowed_origins,
    )


def _check_parser() -> None:
    """Refuse aiohttp's pure-Python parser: it reads malformed requests in ways that proxies before us may not."""
    if HttpRequestParser.__module__ != "aiohttp._http_parser":
        raise ConfigurationError(
            "aiohttp is installed without its compiled parser",
            hint="install a wheel of aiohttp for this platform, and unset AIOHTTP_NO_EXTENSIONS",
        )
