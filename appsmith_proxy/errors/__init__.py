"""The exception tree. A class name is a stable error code; the class says whose fault it is.

::

    ProxyError
    ├── RequestError (caller)
    │   ├── InvalidRequest ── TooLarge
    │   ├── Unauthenticated
    │   ├── Forbidden
    │   ├── NotFound
    │   ├── Conflict ── StaleRevision, InUse, NameTaken, SecretRequired, StillRunning, OutcomeUnknown
    │   ├── LimitExceeded ── Overloaded
    │   └── CapabilityNotSupported
    ├── DatasourceError (datasource)
    │   ├── ConnectFailed  CredentialsRejected  PermissionRejected  TlsFailed
    │   ├── StatementInvalid ── PlanStale
    │   ├── ConstraintViolated  ParameterInvalid  ExecutionTimeout
    │   └── Disconnected  ResourceExhausted ── AffectedLimitExceeded  BadResponse
    ├── DriverError (driver)
    │   └── ContractBroken  DriverCrashed  IncompatibleDriver
    └── InternalError (proxy)
        └── StoreError ── StoreStale,  VaultError,  ConfigurationError,  AuditUnavailable,  PlanUnverified

Texts here are ours and safe to show: they never hold a secret, a statement or a value. What a database said is kept
apart in ``DatasourceError.native_message``, which only an editor may see, redacted.

``base`` has what all of them share, and a module for each origin has the codes of that origin.
"""

from appsmith_proxy.errors.base import Origin, Problem, ProxyError, all_errors
from appsmith_proxy.errors.caller import (
    CapabilityNotSupported,
    Conflict,
    Forbidden,
    InUse,
    InvalidRequest,
    LimitExceeded,
    NameTaken,
    NotFound,
    OutcomeUnknown,
    Overloaded,
    RequestError,
    SecretRequired,
    StaleRevision,
    StillRunning,
    TooLarge,
    Unauthenticated,
)
from appsmith_proxy.errors.datasource import (
    AffectedLimitExceeded,
    BadResponse,
    ConnectFailed,
    ConstraintViolated,
    CredentialsRejected,
    DatasourceError,
    Disconnected,
    ExecutionTimeout,
    Outcome,
    ParameterInvalid,
    PermissionRejected,
    PlanStale,
    ResourceExhausted,
    StatementInvalid,
    TlsFailed,
)
from appsmith_proxy.errors.describing import describe
from appsmith_proxy.errors.driver import ContractBroken, DriverCrashed, DriverError, IncompatibleDriver
from appsmith_proxy.errors.proxy import (
    AuditUnavailable,
    ConfigurationError,
    InternalError,
    PlanUnverified,
    StoreError,
    StoreStale,
    VaultError,
)

__all__ = [
    "AffectedLimitExceeded",
    "AuditUnavailable",
    "BadResponse",
    "CapabilityNotSupported",
    "ConfigurationError",
    "Conflict",
    "ConnectFailed",
    "ConstraintViolated",
    "ContractBroken",
    "CredentialsRejected",
    "DatasourceError",
    "Disconnected",
    "DriverCrashed",
    "DriverError",
    "ExecutionTimeout",
    "Forbidden",
    "InUse",
    "IncompatibleDriver",
    "InternalError",
    "InvalidRequest",
    "LimitExceeded",
    "NameTaken",
    "NotFound",
    "Origin",
    "Outcome",
    "OutcomeUnknown",
    "Overloaded",
    "ParameterInvalid",
    "PermissionRejected",
    "PlanStale",
    "PlanUnverified",
    "Problem",
    "ProxyError",
    "RequestError",
    "ResourceExhausted",
    "SecretRequired",
    "StaleRevision",
    "StatementInvalid",
    "StillRunning",
    "StoreError",
    "StoreStale",
    "TlsFailed",
    "TooLarge",
    "Unauthenticated",
    "VaultError",
    "all_errors",
    "describe",
]
