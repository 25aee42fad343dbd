"""API tokens: ``Authorization: Bearer asp_…``. The token is shown once; its SHA-256 is stored.

The change feed decides: an authenticated token is remembered by its hash together with the very record it was read
from, and counts only while the cache still holds that record. A revoked token is refused as soon as the feed has told,
on every process.
"""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from appsmith_proxy.errors import InvalidRequest, NotFound, Problem, Unauthenticated
from appsmith_proxy.model.ids import new_id
from appsmith_proxy.model.principal import Principal, Role, User
from appsmith_proxy.model.records import Token, Workspace
from appsmith_proxy.store.cache import CachedStore
from appsmith_proxy.store.contract import ConfigStore, Delete, Put, Require

PREFIX: Final = "asp_"
"""Lets scanners find a token that was committed somewhere."""
SECRET_BYTES: Final = 32
DEFAULT_DAYS: Final = 90
MAX_DAYS: Final = 3_650
REMEMBERED: Final = 5_000
"""How many authenticated tokens are remembered; what is not valid never takes a place."""

_HEADER: Final = re.compile(rf"(?ai:bearer) ({PREFIX}[\0-\x7f]{{43}})")
"""RFC 6750: the scheme in any case, and one space. 43 characters of base64url are 256 bits."""


@dataclass(slots=True)
class _Remembered:
    token: Token
    expires: float
    principal: Principal
    version: int = -1
    """Of the cache, when it was seen to hold this very record."""


class Tokens:
    """Tell who a caller is; create, list and revoke tokens."""

    def __init__(
        self,
        cache: CachedStore,
        store: ConfigStore,
        clock: Callable[[], float] = time.time,
        *,
        remembered: int = REMEMBERED,
    ) -> None:
        """Use ``clock`` as the wall clock: seconds since 1970 UTC."""
        self._cache = cache
        self._store = store
        self._clock = clock
        self._limit = remembered
        self._remembered: dict[bytes, _Remembered] = {}

    async def authenticate(self, authorization: str | None) -> Principal:
        """Return the caller of an ``Authorization`` header. Raises ``Unauthenticated``, always the same; ``StoreStale``."""
        if (principal := self.authenticate_cached(authorization)) is not None:
            return principal
        digest = _digest(authorization)
        if digest is None:
            raise unauthenticated()
        token = await self._cache.find_one(Token, "sha256", digest.hex())
        if token is None or not hmac.compare_digest(token.sha256, digest.hex()):
            raise unauthenticated()
        remembered = _Remembered(token, token.expires_at.timestamp(), _principal(token))
        if self._clock() >= remembered.expires:
            raise unauthenticated()
        self._remember(digest, remembered)
        return remembered.principal

    def authenticate_cached(self, authorization: str | None) -> Principal | None:
        """Return the caller if that needs no I/O, else None: ask ``authenticate``. Raises ``StoreStale``."""
        digest = _digest(authorization)
        if digest is None or (known := self._remembered.get(digest)) is None:
            return None
        version = self._cache.version()
        if version != known.version and self._cache.peek(Token, known.token.id) is known.token:
            known.version = version
        if version == known.version and self._clock() < known.expires:
            return known.principal
        self._remembered.pop(digest, None)
        return None

    async def create(
        self,
        role: Role,
        workspace_id: str | None = None,
        user: User | None = None,
        days: float = DEFAULT_DAYS,
    ) -> tuple[Token, str]:
        """Create a token; return its record and the token itself, which cannot be had again.

        Raises ``InvalidRequest`` for a bad lifetime, ``NotFound`` when there is no such workspace.
        """
        if not 0 < days <= MAX_DAYS:
            problem = Problem("days", f"must be more than 0 and at most {MAX_DAYS}")
            raise InvalidRequest("the token's lifetime is not valid", details=(problem,))
        plain = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        created_at = datetime.fromtimestamp(self._clock(), UTC)
        token = Token(
            id=new_id(),
            sha256=hashlib.sha256(plain.encode()).hexdigest(),
            role=role,
            workspace_id=workspace_id,
            user=user or User(),
            created_at=created_at,
            expires_at=created_at + timedelta(days=days),
            revision=1,
        )
        required = () if workspace_id is None else (Require(Workspace, workspace_id),)
        await self._store.commit(*required, Put(token, expected=0))
        await self._cache.refresh()
        return token, plain

    async def list(self) -> tuple[Token, ...]:
        """Return all tokens, expired ones too, in id order."""
        return tuple([token async for token in self._store.scan(Token)])

    async def revoke(self, token_id: str) -> None:
        """End a token now, on every process within a second. Raises ``NotFound``."""
        token = await self._store.get(Token, token_id)
        if token is None:
            raise NotFound("no such token", hint="see: appsmith-proxy tokens list")
        await self._store.commit(Delete(Token, token_id, token.revision))
        await self._cache.refresh()

    def _remember(self, digest: bytes, remembered: _Remembered) -> None:
        self._remembered[digest] = remembered
        if len(self._remembered) > self._limit:
            del self._remembered[next(iter(self._remembered))]


def unauthenticated() -> Unauthenticated:
    """Return the one answer for whatever is wrong with a caller's credentials."""
    return Unauthenticated("no valid credentials came with the request")


def _digest(header: str | None) -> bytes | None:
    """Return the hash of the token in a header, or None when the header has not the form of ours.

    Nothing is looked up by, or compared with, what the caller sent. Of the token's own letters nothing is checked: other
    letters have another hash, which belongs to no token.
    """
    found = _HEADER.fullmatch(header) if header else None
    return hashlib.sha256(found[1].encode()).digest() if found else None


def _principal(token: Token) -> Principal:
    return Principal(id=token.id, role=token.role, workspace_id=token.workspace_id, user=token.user)
