"""The REST driver: its tables, and the checks that relate fields to each other."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from appsmith_proxy.sdk import Capability, Client, Driver, OpenContext, Payload, Problem, Secret, check_configuration
from appsmith_proxy_rest.client import RestClient
from appsmith_proxy_rest.fields import ACTION_FIELDS, API_KEY, DATASOURCE_FIELDS, SAFE_METHODS
from appsmith_proxy_rest.outgoing import header_problem, value_fits
from appsmith_proxy_rest.urls import Url, parse_base, parse_url


class RestDriver(Driver):
    """HTTP APIs: requests below one base URL."""

    kind = "rest"
    title = "REST API"
    payload = Payload.HTTP
    capabilities = frozenset({Capability.READ_ONLY, Capability.CANCEL})
    fields = DATASOURCE_FIELDS
    actions = ACTION_FIELDS
    reads_when = ("method", SAFE_METHODS)

    def validate(self, configuration: Mapping[str, Any], secrets_set: frozenset[str]) -> list[Problem]:
        """Return every problem of a configuration."""
        normal, problems = check_configuration(self.fields, configuration, secrets_set=secrets_set)
        problems.extend(_check_urls(normal))
        problems.extend(_check_headers(normal, secrets_set))
        if bool(normal.get("tlsCertificate")) != ("tlsKey" in secrets_set):
            problems.append(Problem("configuration.tlsCertificate", "a client certificate and its key go together"))
        return problems

    def tls_endpoint(self, configuration: Mapping[str, Any]) -> tuple[str, int, str] | None:
        """Return where TLS is spoken, for https."""
        url = parse_base(configuration["url"])
        return (url.origin.host, url.origin.port, "tls") if url.origin.scheme == "https" else None

    async def open(
        self, configuration: Mapping[str, Any], secrets: Mapping[str, Secret], context: OpenContext
    ) -> Client:
        """Build a Client; it connects when it is used."""
        return RestClient(configuration, secrets, context)


_URLS: Final[Mapping[str, Callable[[str], Url]]] = {"url": parse_base, "tokenUrl": parse_url}


def _check_urls(configuration: Mapping[str, Any]) -> Iterator[Problem]:
    for name, parse in _URLS.items():
        if configuration.get(name):
            try:
                parse(configuration[name])
            except ValueError as exc:
                yield Problem(f"configuration.{name}", str(exc.args[0]))


def _check_headers(configuration: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[Problem]:
    plain: Mapping[str, str] = configuration.get("headers", {})
    secret = [name.removeprefix("secretHeaders.") for name in secrets_set if name.startswith("secretHeaders.")]
    for name, value in plain.items():
        if not value_fits(value):
            yield Problem(
                f"configuration.headers.{name}",
                "must be printable ASCII without white space at its ends",
                hint="Encode it.",
            )
    for field, names in (("headers", list(plain)), ("secretHeaders", secret)):
        for name in names:
            problem = header_problem(name)
            if problem:
                yield Problem(f"configuration.{field}.{name}", problem)
    for name in sorted({name.lower() for name in plain} & {name.lower() for name in secret}):
        yield Problem(f"configuration.headers.{name}", "is set in secretHeaders too: keep one")
    key = configuration.get("apiKeyName")
    if configuration.get("authentication") == API_KEY and key and configuration.get("apiKeyIn") == "header":
        problem = header_problem(key)
        if problem:
            yield Problem("configuration.apiKeyName", problem)
