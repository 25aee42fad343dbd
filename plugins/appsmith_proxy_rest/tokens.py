"""Access tokens by OAuth2 client credentials (RFC 6749 §4.4): fetched by one caller at a time, renewed early."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import quote_plus

from appsmith_proxy.sdk import BadResponse, CredentialsRejected, DatasourceError, Outcome, Secret
from appsmith_proxy_rest.bodies import form
from appsmith_proxy_rest.connection import Answer
from appsmith_proxy_rest.credentials import Credentials, basic, reveal
from appsmith_proxy_rest.outgoing import Outgoing, Pairs, lines
from appsmith_proxy_rest.urls import parse_url

TOKEN_ANSWER_BYTES: Final = 65_536
EARLY_SECONDS: Final = 60.0
"""A token is renewed so long before it expires."""
UNSTATED_SECONDS: Final = 300.0
"""The lifetime of a token whose server does not state one."""

_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,16384}")
_STANDARD: Final = (
    ("Accept", "application/json"),
    ("Content-Type", "application/x-www-form-urlencoded"),
    ("User-Agent", "appsmith-proxy"),
)
_REFUSALS: Final = (400, 401, 403)


class TokenSource:
    """The access token of one datasource.

    Args:
        configuration: the datasource's plain fields.
        secrets: its secrets.
        credentials: what is injected beside the token.
        post: sends the token's request, guarded like any other.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        configuration: Mapping[str, Any],
        secrets: Mapping[str, Secret],
        *,
        credentials: Credentials,
        post: Callable[[Outgoing], Awaitable[Answer]],
        clock: Callable[[], float],
    ) -> None:
        self._configuration = configuration
        self._secrets = secrets
        self._credentials = credentials
        self._post = post
        self._clock = clock
        self._lock = asyncio.Lock()
        self._kept: Credentials | None = None
        self._until = 0.0

    async def current(self, *, rejected: Credentials | None = None) -> Credentials:
        """Return credentials with a token that is valid now and is not the ``rejected`` one's.

        Raises:
            DatasourceError: there is no token; ``outcome`` is NOT_SENT, for the request itself was not sent.
        """
        async with self._lock:
            kept = self._kept
            if kept is not None and kept is not rejected and self._clock() < self._until:
                return kept
            started = self._clock()
            try:
                token, lifetime = _read(await self._post(self._request()))
            except DatasourceError as exc:
                exc.outcome = Outcome.NOT_SENT
                raise
            self._kept = self._credentials.with_token(token)
            self._until = started + lifetime - EARLY_SECONDS
            return self._kept

    def _request(self) -> Outgoing:
        client_id, secret = self._configuration["clientId"], reveal("clientSecret", self._secrets)
        values = {"grant_type": "client_credentials"}
        values |= {name: self._configuration[name] for name in ("scope", "audience") if self._configuration.get(name)}
        headers: Pairs = _STANDARD
        if self._configuration["clientAuthentication"] == "body":
            values |= {"client_id": client_id, "client_secret": secret}
        else:
            headers += (("Authorization", basic(quote_plus(client_id), quote_plus(secret))),)
        url = parse_url(self._configuration["tokenUrl"])
        return Outgoing(method="POST", url=url, headers=lines(headers), body=form(values.items()))


def _read(answer: Answer) -> tuple[str, float]:
    """Return the token and its lifetime in seconds. Nothing of the answer gets into a message."""
    if answer.status in _REFUSALS:
        raise CredentialsRejected(
            "the token endpoint refuses the client", native_code=str(answer.status), hint="Check client id and secret."
        )
    if answer.status != 200:  # the one status that RFC 6749 §5.1 names
        raise BadResponse("the token endpoint gives no token", native_code=str(answer.status))
    try:
        said = json.loads(answer.content)
        token, kind, lifetime = said["access_token"], said["token_type"], said.get("expires_in")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BadResponse("the token endpoint's answer is not what RFC 6749 §5.1 asks for") from None
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise BadResponse("the token endpoint's token cannot be sent as a header")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise BadResponse("the token endpoint gives a token that is no bearer token")
    return token, _seconds(lifetime)


def _seconds(lifetime: object) -> float:
    """Return a lifetime; some servers write the number as text."""
    try:
        return max(0.0, float(lifetime)) if isinstance(lifetime, int | float | str) else UNSTATED_SECONDS
    except ValueError:
        return UNSTATED_SECONDS
