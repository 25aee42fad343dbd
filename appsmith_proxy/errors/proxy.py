"""The proxy is at fault, or a part that it cannot work without: store, vault, settings, audit trail."""

from appsmith_proxy.errors.base import ProxyError


class InternalError(ProxyError):
    """The proxy is at fault. The execution id finds it in the log."""

    title = "The proxy failed"


class StoreError(InternalError):
    """The configuration store cannot be read or written."""

    title = "The configuration store failed"


class StoreStale(StoreError):
    """The configuration store has not answered for too long; what is cached is no longer trusted."""

    title = "The configuration store is out of reach"
    retryable = True


class VaultError(InternalError):
    """A secret could not be sealed or unsealed. Nothing was changed."""

    title = "A secret could not be opened"


class ConfigurationError(InternalError):
    """The proxy's own settings are wrong; ``details`` lists every problem."""

    title = "The settings are not valid"


class AuditUnavailable(InternalError):
    """No audit sink accepted the record, so the work was refused."""

    title = "The audit trail is unavailable"
    retryable = True


class PlanUnverified(InternalError):
    """A published action is not what was published here, so it does not run. Publish it again."""

    title = "The action must be published again"
