"""From request to answer: find the route, ask who calls, check the permission, read, run, answer. One error boundary.

::

    route     by the target's very bytes                         404, 405
    identity  the token; no detail when it is wrong              401
    permit    the route's permission, by the caller's role       403
    read      query and body, every problem at once              400, 408, 413, 415, 417
    run       the handler; it checks rights on the object        404, 409 …
    answer    the envelope, the same headers on every one
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Final, final

from aiohttp.hdrs import AUTHORIZATION

from appsmith_proxy.access.policy import Permission, holds
from appsmith_proxy.errors import (
    Forbidden,
    Unauthenticated,
)
from appsmith_proxy.model.principal import Principal
from appsmith_proxy.web import bodies
from appsmith_proxy.web.answer import Answer
from appsmith_proxy.web.cors import Cors
from appsmith_proxy.web.envelope import executed, success
from appsmith_proxy.web.models import Wire
from appsmith_proxy.web.openapi import openapi_route
from appsmith_proxy.web.options import WebOptions
from appsmith_proxy.web.queries import read_query
from appsmith_proxy.web.refusal import refusal
from appsmith_proxy.web.request import Request
from appsmith_proxy.web.route import Call, Pieces, Route
from appsmith_proxy.web.router import Router
from appsmith_proxy.web.routes import ROUTES
from appsmith_proxy.web.services import Services
from appsmith_proxy.web.serving import Serving

_log: Final = logging.getLogger("appsmith_proxy.web")
_requests_log: Final = logging.getLogger("appsmith_proxy.web.requests")
"""One line a request, at level info. No query, no header, no body: nothing that a client wrote."""


@final
class Api:
    """The JSON API over a runtime. ``handle`` is what the server calls for each request."""

    def __init__(
        self, services: Services, options: WebOptions, serving: Serving, *, routes: Sequence[Route] = ROUTES
    ) -> None:
        self.routes = (*routes, openapi_route(routes))
        self._services = services
        self._authenticator = services.authenticator
        self._executor = services.executor
        self._options = options
        self._serving = serving
        self._router = Router(self.routes)
        self._cors = Cors(options.allowed_origins, self._router)
        self._running: set[asyncio.Task[Pieces]] = set()

    async def handle(self, request: Request) -> Answer:
        """Answer one request, whatever happens."""
        request_id = self._serving.request_id()
        logged = _requests_log.isEnabledFor(logging.INFO)
        started = time.perf_counter() if logged else 0.0
        headers = self._cors.headers(request) if self._cors.listed else ()
        route: Route | None = None
        principal: Principal | None = None
        try:
            if request.method == "OPTIONS" and (preflight := self._cors.preflight(request)) is not None:
                answer = Answer(204, (), request_id, (*headers, *preflight))
            else:
                route, record_id, query = self._router.find(request.method, request.target)
                if route.permission is not Permission.PUBLIC:
                    credentials = _credentials(request)
                    principal = self._authenticator.authenticate_cached(credentials)
                    if principal is None:
                        principal = await self._authenticator.authenticate(credentials)
                    if not holds(principal, route.permission):
                        raise _forbidden(route)
                if principal is not None and route.handler is None:
                    # The hot path: whatever it awaits on the way to the executor is paid for by every execution.
                    if query:
                        read_query(query, route.query)
                    call = bodies.read_execute_now(request, principal, self._options)
                    if call is None:
                        call = await bodies.read_execute(request, principal, self._options)
                    body = executed(await self._executor.execute(call))
                else:
                    body = await self._serve(route, principal, record_id, query, request)
                answer = Answer(route.status, body, request_id, headers)
        except Exception as error:  # noqa: BLE001  # reason: the error boundary
            answer = refusal(error, principal, request_id, headers)
        if logged:
            _log_request(route, answer.status, request_id, time.perf_counter() - started)
        return answer

    async def finish(self) -> None:
        """Wait for work whose callers went away."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _serve(
        self, route: Route, principal: Principal | None, record_id: str, query: str, request: Request
    ) -> Pieces:
        """Answer with a handler that must not be cut in the middle when its caller goes away."""
        assert route.handler is not None  # noqa: S101  # reason: asked only of routes that have one
        asked = read_query(query, route.query) if query or route.query is not None else None
        call = Call(
            principal=principal,
            record_id=record_id,
            query=asked,
            body=await self._read_body(route, request),
            draining=self._serving.draining,
        )
        task = asyncio.ensure_future(route.handler(self._services, call))
        self._running.add(task)
        task.add_done_callback(self._ended)
        data = await asyncio.shield(task)
        return data if route.bare else success(data, status=route.status)

    async def _read_body(self, route: Route, request: Request) -> Wire | None:
        if route.body is not None:
            return await bodies.read_json(request, route.body, self._options)
        bodies.refuse_body(request)
        return None

    def _ended(self, task: asyncio.Task[Pieces]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # reason: marks it as seen; a request that is still there tells of it


def _credentials(request: Request) -> str:
    given = request.headers.getall(AUTHORIZATION, ())
    if len(given) != 1:
        raise Unauthenticated("no valid credentials came with the request")
    return given[0]


def _forbidden(route: Route) -> Forbidden:
    """Tell a caller that it has the route's permission nowhere; on what it has it, the handler's room decides."""
    return Forbidden(
        f"your role does not have the permission {route.permission}", hint="GET /api/v1/me lists what you have"
    )


def _log_request(route: Route | None, status: int, request_id: str, seconds: float) -> None:
    called = "no route" if route is None else f"{route.method} {route.full_path}"
    _requests_log.info("request %s: %s, %d, %.1f ms", request_id, called, status, seconds * 1000)
