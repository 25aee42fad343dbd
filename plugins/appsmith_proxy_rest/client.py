"""One REST API as a Client.

::

    execute   build ─▶ send ─▶ follow redirects (GET and HEAD, five, each checked) ─▶ 401? new token, once ─▶ Result
"""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any, Final

from appsmith_proxy.sdk import (
    BadResponse,
    Client,
    CredentialsRejected,
    DatasourceError,
    ExecuteRequest,
    ExecutionTimeout,
    Health,
    HttpRequest,
    OpenContext,
    Outcome,
    PermissionRejected,
    Result,
    Secret,
    StatementInvalid,
    TlsMode,
    TlsOptions,
)
from appsmith_proxy_rest.answers import to_result
from appsmith_proxy_rest.connection import Answer
from appsmith_proxy_rest.credentials import Credentials, reveal, static_credentials
from appsmith_proxy_rest.fields import CLIENT_CREDENTIALS, SAFE_METHODS
from appsmith_proxy_rest.outgoing import Outgoing, build
from appsmith_proxy_rest.redaction import Redactor
from appsmith_proxy_rest.tokens import TOKEN_ANSWER_BYTES, TokenSource
from appsmith_proxy_rest.transport import Transport
from appsmith_proxy_rest.urls import Origin, Url, is_below, parse_base, parse_url, redirected

MAX_REDIRECTS: Final = 5
CHECK_SECONDS: Final = 10.0
_CHECK_BYTES: Final = 65_536
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_KEEP_BODY: Final = frozenset({307, 308})
_UNAUTHORIZED: Final = 401
_REFUSED: Final = frozenset({401, 403, 407})
_SERVER_ERROR: Final = 500


class RestClient(Client):
    """One base URL with its credentials. Connections are opened when they are needed."""

    def __init__(self, configuration: Mapping[str, Any], secrets: Mapping[str, Secret], context: OpenContext) -> None:
        self._configuration = configuration
        self._base = parse_base(configuration["url"])
        self._tls = _tls_options(configuration, secrets)
        self._headers = tuple(configuration.get("headers", {}).items())
        self._query = tuple(configuration.get("query", {}).items())
        self._static = static_credentials(configuration, secrets)
        self._tokens: TokenSource | None = None
        known = frozenset[Origin]()
        if configuration["authentication"] == CLIENT_CREDENTIALS:
            known = frozenset({parse_url(configuration["tokenUrl"]).origin})
            self._tokens = TokenSource(
                configuration,
                secrets,
                credentials=self._static,
                post=self._post_for_token,
                clock=asyncio.get_running_loop().time,
            )
        self._transport = Transport(
            context.network,
            tls=self._tls_for,
            home=self._base.origin,
            known=known,
            max_connections=context.max_connections,
            idle_seconds=context.idle_seconds,
        )

    async def execute(self, request: ExecuteRequest) -> Result:
        """Send one request and return its answer, whatever its status."""
        payload = request.payload
        if not isinstance(payload, HttpRequest):
            raise StatementInvalid("this driver takes HTTP requests only", outcome=Outcome.NOT_SENT)
        if request.read_only and payload.method not in SAFE_METHODS:
            raise PermissionRejected(
                "a read-only execution may only use GET and HEAD",
                hint="Switch readOnly off on the action.",
                outcome=Outcome.NOT_SENT,
            )
        if asyncio.get_running_loop().time() >= request.deadline:
            raise ExecutionTimeout("the deadline passed before the request was sent", outcome=Outcome.NOT_SENT)
        limit = request.limits.bytes
        answer, redactor = await self._answer(payload, limit, request.deadline)
        return to_result(answer, limit=limit, redactor=redactor)

    async def check(self) -> Health:
        """Ask for the base URL with the credentials. Any answer but a refusal of them will do."""
        deadline = _seconds_from_now(CHECK_SECONDS)
        answer, redactor = await self._answer(HttpRequest(method="GET"), _CHECK_BYTES, deadline)
        if answer.status in _REFUSED and self._static.known:
            raise CredentialsRejected("the upstream refuses the credentials", native_code=str(answer.status))
        server = redactor.clean_text(answer.header("server"))
        return Health(server=server[:200], warnings=tuple(self._warnings(answer)))

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.close()

    async def _answer(self, payload: HttpRequest, limit: int, deadline: float) -> tuple[Answer, Redactor]:
        rejected: Credentials | None = None
        try:
            while True:
                credentials = self._static
                if self._tokens is not None:
                    credentials = await _in_time(self._tokens.current(rejected=rejected), deadline)
                outgoing = build(
                    payload, base=self._base, headers=self._headers, query=self._query, injection=credentials.injection
                )
                cap = limit + credentials.redactor.margin
                answer = await self._transport.send(outgoing, cap=cap, deadline=deadline)
                if answer.status in _REDIRECTS and outgoing.method in SAFE_METHODS:
                    answer = await self._redirected(outgoing, answer, credentials, cap, deadline)
                if answer.status != _UNAUTHORIZED or self._tokens is None or rejected is not None:
                    return answer, credentials.redactor
                rejected = credentials
        except DatasourceError as error:
            if rejected is not None and error.outcome is Outcome.NOT_SENT:
                error.outcome = Outcome.UNKNOWN  # not sent a second time; what became of the first, the upstream knows
            raise

    async def _redirected(
        self, outgoing: Outgoing, answer: Answer, credentials: Credentials, cap: int, deadline: float
    ) -> Answer:
        """Follow redirects. Each hop is checked like a request of its own."""
        followed = 0
        while answer.status in _REDIRECTS and (location := answer.header("location")):
            if followed == MAX_REDIRECTS:
                raise BadResponse(f"the upstream redirects more than {MAX_REDIRECTS} times")
            followed += 1
            url = redirected(outgoing.url, location)
            outgoing = self._next_hop(outgoing, url, answer.status, credentials)
            answer = await self._transport.send(outgoing, cap=cap, deadline=deadline)
        return answer

    def _next_hop(self, outgoing: Outgoing, url: Url, status: int, credentials: Credentials) -> Outgoing:
        """Return the request for a redirect. Below the base it goes on as it was; elsewhere it goes bare, and stays so."""
        if is_below(self._base, url):
            return outgoing.within(url, keep_body=status in _KEEP_BODY)
        if credentials.redactor.found_in(url.text.encode()):
            raise BadResponse("the upstream redirects elsewhere with one of the datasource's secrets in the URL")
        return outgoing.elsewhere(url)

    async def _post_for_token(self, outgoing: Outgoing) -> Answer:
        return await self._transport.send(outgoing, cap=TOKEN_ANSWER_BYTES, deadline=_seconds_from_now(CHECK_SECONDS))

    def _tls_for(self, origin: Origin) -> TlsOptions:
        """Return the TLS options of an origin: the datasource's own at home, its authorities at the token endpoint."""
        if origin == self._base.origin:
            return self._tls
        if origin == parse_url(self._configuration.get("tokenUrl") or self._configuration["url"]).origin:
            return TlsOptions(mode=self._tls.mode, ca=self._tls.ca)
        return TlsOptions()

    def _warnings(self, answer: Answer) -> list[str]:
        warnings = []
        if answer.status >= _SERVER_ERROR:
            warnings.append(f"The base URL answers with status {answer.status}.")
        if self._base.origin.scheme == "http":
            warnings.append("The base URL is http: requests, credentials and answers travel unencrypted.")
        elif self._tls.mode is not TlsMode.VERIFY_FULL and not self._tls.pinned_key:
            warnings.append("TLS does not fully verify the server: somebody between could read the credentials.")
        if parse_url(self._configuration.get("tokenUrl") or self._configuration["url"]).origin.scheme == "http":
            warnings.append("The token URL is http: the client's secret travels unencrypted.")
        return warnings


async def _in_time(token: Awaitable[Credentials], deadline: float) -> Credentials:
    try:
        async with asyncio.timeout_at(deadline):
            return await token
    except TimeoutError:
        raise ExecutionTimeout("no access token came before the deadline", outcome=Outcome.NOT_SENT) from None


def _seconds_from_now(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


def _tls_options(configuration: Mapping[str, Any], secrets: Mapping[str, Secret]) -> TlsOptions:
    return TlsOptions(
        mode=TlsMode(configuration["tlsMode"]),
        ca=configuration.get("tlsCa", ""),
        certificate=configuration.get("tlsCertificate", ""),
        key=reveal("tlsKey", secrets),
        pinned_key=configuration.get("tlsPinnedKey", ""),
    )
