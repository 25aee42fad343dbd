"""Which pages of other origins may call: an exact list, empty by default, and never with cookies."""

from typing import Final, TypeAlias, final

from aiohttp.web import BaseRequest

from appsmith_proxy.web.router import Router

Headers: TypeAlias = tuple[tuple[str, str], ...]

ALLOWED_HEADERS: Final = (
    "Authorization, Content-Type, Idempotency-Key, "
    "X-Appsmith-EnvironmentId, X-XSRF-TOKEN, branchName, traceparent, tracestate"
)
"""What front ends of the family send. Only the first three mean anything here."""
PREFLIGHT_SECONDS: Final = 600


@final
class Cors:
    """The headers by which browsers let a listed origin's pages read our answers."""

    def __init__(self, origins: frozenset[str], router: Router) -> None:
        self._origins = origins
        self._router = router

    def headers(self, request: BaseRequest) -> Headers:
        """Return what an answer to this request carries, whatever its status."""
        if not self._origins:
            return ()
        origin = self._origin(request)
        if origin is None:
            return (("Vary", "Origin"),)
        return (
            ("Vary", "Origin"),
            ("Access-Control-Allow-Origin", origin),
            ("Access-Control-Expose-Headers", "X-Request-Id"),
        )

    def preflight(self, request: BaseRequest) -> Headers | None:
        """Return what a preflight of a listed origin is answered with, None when this is not one.

        Raises:
            NotFound: no such path.
        """
        if self._origin(request) is None or "Access-Control-Request-Method" not in request.headers:
            return None
        return (
            ("Access-Control-Allow-Methods", ", ".join(self._router.methods(request.raw_path))),
            ("Access-Control-Allow-Headers", ALLOWED_HEADERS),
            ("Access-Control-Max-Age", str(PREFLIGHT_SECONDS)),
        )

    def _origin(self, request: BaseRequest) -> str | None:
        given = request.headers.getall("Origin", ())
        # The list's own spelling is sent back, never what came in.
        return next((origin for origin in self._origins if len(given) == 1 and origin == given[0]), None)
