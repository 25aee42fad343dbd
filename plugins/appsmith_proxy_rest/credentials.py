"""Credentials: from a datasource's fields to what is injected into each request."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from appsmith_proxy.sdk import CredentialsRejected, Outcome, Secret
from appsmith_proxy_rest.fields import API_KEY, BASIC, BEARER, CLIENT_CREDENTIALS, NONE
from appsmith_proxy_rest.outgoing import Injection, Pairs, value_fits
from appsmith_proxy_rest.redaction import Redactor


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Credentials:
    """What is added to a request, and the redactor that knows all of it. Its repr shows nothing."""

    injection: Injection
    known: tuple[str, ...]
    """Every text that must not come back in an answer."""
    redactor: Redactor
    token: str = ""
    """The access token among them, if there is one."""

    def with_token(self, token: str) -> "Credentials":
        """Return them with an access token in the Authorization header."""
        headers = (*self.injection.headers, ("Authorization", f"Bearer {token}"))
        known = (*self.known, token)
        injection = replace(self.injection, headers=headers, merged={})
        return Credentials(injection=injection, known=known, redactor=Redactor(known), token=token)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Part:
    """What one way to authenticate adds."""

    headers: Pairs = ()
    query: Pairs = ()
    known: tuple[str, ...] = ()


def static_credentials(configuration: Mapping[str, Any], secrets: Mapping[str, Secret]) -> Credentials:
    """Return the credentials that nobody must be asked for. Only secrets of fields in force are among them.

    Raises:
        CredentialsRejected: one of them cannot be sent where it belongs.
    """
    authentication = configuration["authentication"]
    part = _PARTS[authentication](configuration, secrets)
    headers = (*entries("secretHeaders", secrets), *part.headers)
    query = (*entries("secretQuery", secrets), *part.query)
    body = entries("secretBody", secrets)
    if not all(value_fits(value) for _, value in headers):
        raise CredentialsRejected(
            "a secret that is sent as a header holds control characters or characters outside ASCII, or has white space"
            " at an end",
            outcome=Outcome.NOT_SENT,
        )
    taboo = {name.lower() for name, _ in headers}
    if authentication != NONE:
        taboo.add("authorization")
    known = (*(value for _, value in (*headers, *query, *body)), *part.known)
    return Credentials(
        injection=Injection(headers=headers, query=query, body=body, taboo=frozenset(taboo)),
        known=known,
        redactor=Redactor(known),
    )


def entries(field: str, secrets: Mapping[str, Secret]) -> Pairs:
    """Return the entries of a secret map."""
    prefix = f"{field}."
    return tuple((name.removeprefix(prefix), secrets[name].reveal()) for name in secrets if name.startswith(prefix))


def reveal(field: str, secrets: Mapping[str, Secret]) -> str:
    """Return a secret's text, ``""`` for one that is not set."""
    return secrets[field].reveal() if field in secrets else ""


def basic(user: str, password: str) -> str:
    """Return a Basic header's value (RFC 7617, UTF-8)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _none(configuration: Mapping[str, Any], secrets: Mapping[str, Secret]) -> _Part:
    return _Part()


def _basic(configuration: Mapping[str, Any], secrets: Mapping[str, Secret]) -> _Part:
    password = reveal("password", secrets)
    value = basic(configuration["username"], password)
    return _Part(headers=(("Authorization", value),), known=(password, value.removeprefix("Basic ")))


def _bearer(configuration: Mapping[str, Any], secrets: Mapping[str, Secret]) -> _Part:
    token = reveal("bearerToken", secrets)
    return _Part(headers=(("Authorization", f"Bearer {token}"),), known=(token,))


def _api_key(configuration: Mapping[str, Any], secrets: Mapping[str, Secret]) -> _Part:
    pairs = ((configuration["apiKeyName"], reveal("apiKeyValue", secrets)),)
    return _Part(query=pairs) if configuration["apiKeyIn"] == "query" else _Part(headers=pairs)


def _client_credentials(configuration: Mapping[str, Any], secrets: Mapping[str, Secret]) -> _Part:
    return _Part(
        known=(reveal("clientSecret", secrets),)
    )  # the token endpoint's; the token itself comes with a request


_PARTS: Final[Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Secret]], _Part]]] = {
    NONE: _none,
    BASIC: _basic,
    BEARER: _bearer,
    API_KEY: _api_key,
    CLIENT_CREDENTIALS: _client_credentials,
}
