"""Which pages of other origins may call: an exact list, empty by default, and never with cookies."""

from typing import Final, final

from appsmith_proxy.web.answer import Headers
from appsmith_proxy.web.request import Request
from appsmith_proxy.web.router import Router

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
        self.listed = bool(origins)
        """Whether any origin is: without one an answer carries nothing."""
        self._origins = origins
        self._router = router

    def headers(self, request: Request) -> Headers:
        """Return what an answer to this request carries, whatever its status."""
        origin = self._origin(request)
        if origin is None:
            return (("Vary", "Origin"),)
        return (
            ("Vary", "Origin"),
            ("Access-Control-Allow-Origin", origin),
            ("Access-Control-Expose-Headers", "X-Request-Id"),
        )

    def preflight(self, request: Request) -> Headers | None:
        """Return what a preflight of a listed origin is answered with, None when this is not one.

        Raises:
            NotFound: no such path.
        """
        if self._origin(request) is None or "Access-Control-Request-Method" not in request.headers:
            return None
        return (
            ("Access-Control-Allow-Methods", ", ".join(self._router.methods(request.target))),
            ("Access-Control-Allow-Headers", ALLOWED_HEADERS),
            ("Access-Control-Max-Age", str(PREFLIGHT_SECONDS)),
        )

    def _origin(self, request: Request) -> str | None:
        given = request.headers.getall("Origin", ())
        # The list's own spelling is sent back, never what came in.
        return next((origin for origin in self._origins if len(given) == 1 and origin == given[0]), None)
