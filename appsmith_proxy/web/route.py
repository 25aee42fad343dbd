"""A route as data, and what its handler is given and gives back."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, final

from appsmith_proxy.access.policy import Permission
from appsmith_proxy.errors import Unauthenticated
from appsmith_proxy.model.principal import Principal
from appsmith_proxy.web.models import Wire
from appsmith_proxy.web.services import Services

PREFIX: Final = "/api/v1"
METHODS: Final = frozenset({"GET", "POST", "PATCH", "DELETE"})
ID: Final = "{id}"
"""The one placeholder a path may have: a record's id."""

Pieces: TypeAlias = tuple[bytes, ...]
"""``data`` of an answer as JSON text, in pieces to be written one after the other."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call, authorized and parsed."""

    principal: Principal | None
    """None on public routes only."""
    record_id: str = ""
    query: Any = None
    """The route's query model."""
    body: Any = None
    """The route's body model."""
    draining: bool = False
    """The server is about to stop."""

    @property
    def caller(self) -> Principal:
        """Who is calling. A handler that asks this on a public route refuses instead of guessing."""
        if self.principal is None:
            raise Unauthenticated("no valid credentials came with the request")
        return self.principal


Handler: TypeAlias = Callable[[Services, Call], Awaitable[Pieces]]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One row of the table."""

    method: str
    path: str
    """Below ``PREFIX``."""
    permission: Permission
    """Checked against the caller's role before anything of the request is read."""
    summary: str
    handler: Handler | None = None
    """It runs to its end once begun. None: the route executes an action: the body may also be the family's form, and the work
    ends when its caller goes away."""
    body: type[Wire] | None = None
    query: type[Wire] | None = None
    answer: type[Wire] | None = None
    """Of ``data``; None: null."""
    answers_list: bool = False
    """``data`` is a list of ``answer``."""
    status: int = 200
    bare: bool = False
    """The handler's answer goes out as it is, without the envelope."""

    def __post_init__(self) -> None:
        # The annotation says so; a row written in haste may not have heard, and would be open to everybody.
        if not isinstance(self.permission, Permission):
            raise TypeError(f"{self.method} {self.path}: a route needs a Permission; Permission.PUBLIC is one")
        if self.method not in METHODS or not self.path.startswith("/"):
            raise ValueError(f"{self.method} {self.path}: not a method and a path")
        if self.executes and self.permission is Permission.PUBLIC:
            raise ValueError(f"{self.method} {self.path}: nobody executes without being known")

    @property
    def executes(self) -> bool:
        """Whether it executes an action."""
        return self.handler is None

    @property
    def full_path(self) -> str:
        """The path as callers know it."""
        return PREFIX + self.path
