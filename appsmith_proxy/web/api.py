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
from aiohttp.web import BaseRequest, StreamResponse

from appsmith_proxy.access.policy import Permission, holds
from appsmith_proxy.errors import (
    DriverError,
    Forbidden,
    InternalError,
    Origin,
    ProxyError,
    Unauthenticated,
    describe,
)
from appsmith_proxy.model.principal import Principal
from appsmith_proxy.web import bodies
from appsmith_proxy.web.answer import Answer
from appsmith_proxy.web.connection import as_response
from appsmith_proxy.web.cors import Cors, Headers
from appsmith_proxy.web.envelope import failure, success
from appsmith_proxy.web.models import Wire
from appsmith_proxy.web.openapi import openapi_route
from appsmith_proxy.web.options import WebOptions
from appsmith_proxy.web.queries import read_query
from appsmith_proxy.web.route import Call, Pieces, Route
from appsmith_proxy.web.router import Router
from appsmith_proxy.web.routes import ROUTES
from appsmith_proxy.web.services import Services
from appsmith_proxy.web.serving import Serving
from appsmith_proxy.web.statuses import Refused, headers_of, status_of

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
        self._options = options
        self._serving = serving
        self._router = Router(self.routes)
        self._cors = Cors(options.allowed_origins, self._router)
        self._running: set[asyncio.Task[Pieces]] = set()

    async def handle(self, request: BaseRequest) -> StreamResponse:
        """Answer one request, whatever happens."""
        request_id = self._serving.request_id()
        started = time.perf_counter()
        headers = self._cors.headers(request)
        route: Route | None = None
        try:
            if request.method == "OPTIONS" and (preflight := self._cors.preflight(request)) is not None:
                answer = Answer(204, (), request_id=request_id, headers=(*headers, *preflight))
            else:
                route, record_id, query = self._router.find(request.method, request.raw_path)
                data = await self._serve(route, record_id, query, request)
                body = data if route.bare else success(data, status=route.status)
                answer = Answer(route.status, body, request_id=request_id, headers=headers)
        except ProxyError as error:
            _log_fault(error, request_id)
            answer = _failed(error, status_of(error), request_id, (*headers, *headers_of(error)))
        except Refused as refused:
            answer = _failed(refused.error, refused.status, request_id, (*headers, *refused.headers))
        except Exception as unexpected:  # noqa: BLE001  # reason: the error boundary
            _log.error("request %s failed: %s", request_id, describe(unexpected))
            hidden = InternalError("something unexpected happened", hint="the log names the place under the request id")
            answer = _failed(hidden, status_of(hidden), request_id, headers)
        if _requests_log.isEnabledFor(logging.INFO):
            _log_request(route, answer.status, request_id, time.perf_counter() - started)
        return as_response(answer)

    async def finish(self) -> None:
        """Wait for work whose callers went away."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _serve(self, route: Route, record_id: str, query: str, request: BaseRequest) -> Pieces:
        principal: Principal | None = None
        if route.permission is not Permission.PUBLIC:
            principal = self._caller_now(request) or await self._caller(request)
            _check_permission(principal, route)
        try:
            asked = read_query(query, route.query) if query or route.query is not None else None
            if route.executes and principal is not None:
                body = bodies.read_execute_now(request, principal, self._options)
                if body is None:
                    body = await bodies.read_execute(request, principal, self._options)
                return await route.handler(self._services, Call(principal=principal, body=body))
            call = Call(
                principal=principal,
                record_id=record_id,
                query=asked,
                body=await self._read_body(route, request),
                draining=self._serving.draining,
            )
            return await self._run_to_its_end(route, call)
        except (DriverError, InternalError) as error:
            if principal is None or holds(principal, Permission.ACTION_MANAGE):
                raise
            # What failed, and of which kind of datasource, is for editors to know; the log has it.
            raise type(error)(error.title) from error

    async def _read_body(self, route: Route, request: BaseRequest) -> Wire | None:
        if route.body is not None:
            return await bodies.read_json(request, route.body, self._options)
        bodies.refuse_body(request)
        return None

    def _caller_now(self, request: BaseRequest) -> Principal | None:
        return self._services.authenticator.authenticate_cached(_credentials(request))

    async def _caller(self, request: BaseRequest) -> Principal:
        return await self._services.authenticator.authenticate(_credentials(request))

    async def _run_to_its_end(self, route: Route, call: Call) -> Pieces:
        """Run a handler that must not be cut in the middle when its caller goes away."""
        task = asyncio.ensure_future(route.handler(self._services, call))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Pieces]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # reason: marks it as seen; a request that is still there tells of it


def _credentials(request: BaseRequest) -> str:
    given = request.headers.getall(AUTHORIZATION, ())
    if len(given) != 1:
        raise Unauthenticated("no valid credentials came with the request")
    return given[0]


def _check_permission(principal: Principal, route: Route) -> None:
    """Refuse a caller who has the route's permission nowhere; on what it has it, the handler's room decides."""
    if not holds(principal, route.permission):
        raise Forbidden(
            f"your role does not have the permission {route.permission}",
            hint="GET /api/v1/me lists what you have",
        )


def _failed(error: ProxyError, status: int, request_id: str, headers: Headers) -> Answer:
    return Answer(status, (failure(error, status=status),), request_id=request_id, headers=headers)


def _log_fault(error: ProxyError, request_id: str) -> None:
    """Log what an operator must know; what a caller did wrong is the caller's to know."""
    if error.origin in (Origin.PROXY, Origin.DRIVER):
        _log.error("request %s failed with %s: %s", request_id, error.code, describe(error))


def _log_request(route: Route | None, status: int, request_id: str, seconds: float) -> None:
    called = "no route" if route is None else f"{route.method} {route.full_path}"
    _requests_log.info("request %s: %s, %d, %.1f ms", request_id, called, status, seconds * 1000)
