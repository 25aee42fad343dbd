"""A driver is at fault: it broke its contract, crashed, or cannot be used."""

from appsmith_proxy.errors.base import Origin, ProxyError


class DriverError(ProxyError):
    """A driver is at fault."""

    origin = Origin.DRIVER
    title = "The driver failed"


class ContractBroken(DriverError):
    """A driver returned or asked for something that the contract does not allow."""

    title = "The driver broke its contract"


class DriverCrashed(DriverError):
    """A driver raised something that is not a DatasourceError. The log names the place."""

    title = "The driver crashed"


class IncompatibleDriver(DriverError):
    """The driver of this kind is missing, or was written for another contract version."""

    title = "The driver cannot be used"
