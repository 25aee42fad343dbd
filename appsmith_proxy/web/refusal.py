"""What a request that failed is answered with, and what of it an operator must know."""

import logging
from typing import Final

from appsmith_proxy.access.policy import Permission, holds
from appsmith_proxy.errors import DriverError, InternalError, InvalidRequest, Origin, ProxyError, describe
from appsmith_proxy.model.principal import Principal
from appsmith_proxy.web.answer import Answer, Headers
from appsmith_proxy.web.envelope import failure
from appsmith_proxy.web.request import BodyBroken
from appsmith_proxy.web.statuses import Refused, headers_of, status_of

_log: Final = logging.getLogger("appsmith_proxy.web")


def refusal(error: Exception, principal: Principal | None, request_id: str, headers: Headers) -> Answer:
    """Answer whatever a request failed with; ``headers`` are those of every answer to it."""
    match error:
        case Refused():
            refused = error
        case BodyBroken():
            refused = Refused(400, InvalidRequest("the body's framing is broken"))
        case ProxyError():
            if error.origin in (Origin.PROXY, Origin.DRIVER):
                _log.error("request %s failed with %s: %s", request_id, error.code, describe(error))
            shown = _shown(error, principal)
            refused = Refused(status_of(shown), shown, headers=headers_of(shown))
        case _:
            _log.error("request %s failed: %s", request_id, describe(error))
            hidden = InternalError("something unexpected happened", hint="the log names the place under the request id")
            refused = Refused(status_of(hidden), hidden)
    body = failure(refused.error, status=refused.status)
    return Answer(refused.status, (body,), request_id, (*headers, *refused.headers))


def malformed(request_id: str) -> Answer:
    """Answer bytes that are no request. Nothing of them is repeated, nor logged."""
    _log.debug("malformed request %s", request_id)
    return refusal(InvalidRequest("this is not an HTTP request that can be read"), None, request_id, ())


def _shown(error: ProxyError, principal: Principal | None) -> ProxyError:
    """What failed in a driver, and of which kind of datasource, is for editors to know; the log has it."""
    hides = principal is not None and not holds(principal, Permission.ACTION_MANAGE)
    return type(error)(error.title) if hides and isinstance(error, DriverError | InternalError) else error
