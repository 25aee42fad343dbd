"""The caller is at fault: what was asked is malformed, not allowed, not there, or not possible now."""

from appsmith_proxy.errors.base import Origin, ProxyError


class RequestError(ProxyError):
    """The caller asked for something it cannot have, or asked wrongly."""

    origin = Origin.CALLER
    title = "The request cannot be served"


class InvalidRequest(RequestError):
    """The request is malformed; every problem is in ``details``."""

    title = "The request is not valid"


class TooLarge(InvalidRequest):
    """A body, part or value is over its limit."""

    title = "The request is too large"


class Unauthenticated(RequestError):
    """No valid credentials came with the request. Says no more, on purpose."""

    title = "Not authenticated"


class Forbidden(RequestError):
    """The caller may see the object but not do this to it."""

    title = "Not allowed"


class NotFound(RequestError):
    """No such object, or not the caller's: the same answer for both."""

    title = "Not found"


class Conflict(RequestError):
    """The object's present state does not allow the change."""

    title = "Conflict"


class StaleRevision(Conflict):
    """The object has changed since the caller read it. Read it again and repeat the change."""

    title = "Changed by somebody else"


class InUse(Conflict):
    """Something else still refers to the object; ``details`` names it."""

    title = "Still in use"


class NameTaken(Conflict):
    """Another object of the same kind and place has this name."""

    title = "Name already taken"


class SecretRequired(Conflict):
    """The destination of a secret would change, so the secret must be given again."""

    title = "The secret must be given again"


class StillRunning(Conflict):
    """An execution with the same Idempotency-Key has not ended. Send the same call again in a moment."""

    title = "Still running"
    retryable = True


class OutcomeUnknown(Conflict):
    """What became of the first execution with this Idempotency-Key is not known, so it is not run again."""

    title = "The outcome is not known"


class LimitExceeded(RequestError):
    """A limit of the proxy was reached."""

    title = "Limit reached"


class Overloaded(LimitExceeded):
    """The datasource's queue is full or the wait in it was too long. Try again in a moment."""

    title = "Too many executions"
    retryable = True


class CapabilityNotSupported(RequestError):
    """The driver does not do this."""

    title = "Not supported by this kind of datasource"
