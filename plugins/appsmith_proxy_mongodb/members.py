"""Finding the member of a replica set that an execution wants, among the configured hosts and nowhere else.

Each host is resolved and checked by the proxy and dialled as an address. What a server announces is never dialled: it only
says why none of the configured hosts will do.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import Enum
from typing import Final, TypeAlias, final

from appsmith_proxy.sdk import BadResponse, ConnectFailed, DatasourceError, Disconnected, Outcome
from appsmith_proxy_mongodb.fields import Configuration, Endpoint
from appsmith_proxy_mongodb.link import Link

FIND_SECONDS: Final = 15.0
"""How long an election is waited for, when the deadline allows it."""
AGAIN_SECONDS: Final = 0.1
STALE_SECONDS: Final = 5.0
"""After so long a server is asked again whether it is still what it was."""
OLDEST_WIRE: Final = 13
"""MongoDB 5.0."""

Dial: TypeAlias = Callable[[Endpoint, float], Awaitable[Link]]
"""Opens a link to a host and asks it who it is, before a deadline."""
Suits: TypeAlias = Sequence[Callable[[Link], bool]]
"""Which links suit, best first."""


class Wanted(Enum):
    """What an execution needs a server for."""

    WRITE = "write"
    READ = "read"


_SUITS: Final[Mapping[str, Suits]] = {
    "primary": (lambda link: link.is_primary,),
    "primaryPreferred": (lambda link: link.is_primary, lambda link: link.is_secondary),
    "secondary": (lambda link: link.is_secondary,),
    "secondaryPreferred": (lambda link: link.is_secondary, lambda link: link.is_primary),
}
"""By read preference."""


@final
class Members:
    """The links of one Client, at most one for writing and one for reading. The Client closes it."""

    def __init__(self, configuration: Configuration, dial: Dial) -> None:
        self._configuration = configuration
        self._dial = dial
        self._links: dict[Wanted, Link] = {}
        self._locks = {wanted: asyncio.Lock() for wanted in Wanted}
        self._retired: set[Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def find(self, wanted: Wanted, *, deadline: float) -> Link:
        """Return a link to a member that suits.

        Raises:
            DatasourceError: there is none, or none in time; nothing was sent.
        """
        if wanted is Wanted.READ and self._configuration.preference == "primary":
            wanted = Wanted.WRITE
        link = self._links.get(wanted)
        loop = asyncio.get_running_loop()
        if link is not None and loop.time() - link.checked_at < STALE_SECONDS:
            return link
        try:
            async with asyncio.timeout_at(deadline), self._locks[wanted]:
                link = self._links.get(wanted)
                if link is not None and await self._still_suits(link, wanted, deadline):
                    return link
                return await self._search(wanted, deadline)
        except TimeoutError:
            raise _nobody("no member of the replica set answered before the deadline") from None

    def _drop(self, link: Link) -> None:
        """Forget a link whose server is not what it was; what runs on it may end."""
        for wanted in [wanted for wanted, known in self._links.items() if known is link]:
            del self._links[wanted]
            self._retire(link)

    async def close(self) -> None:
        """Close every link, and end what runs. Idempotent."""
        self._closed = True
        await asyncio.gather(*(link.close() for link in [*self._links.values(), *self._retired]))
        self._links.clear()
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    async def _still_suits(self, link: Link, wanted: Wanted, deadline: float) -> bool:
        if asyncio.get_running_loop().time() - link.checked_at < STALE_SECONDS:
            return True
        try:
            await link.ask(deadline=deadline)
        except (ConnectFailed, Disconnected):
            self._drop(link)
            return False
        if self._suits(wanted)[0](link):
            return True
        self._drop(link)
        return False

    async def _search(self, wanted: Wanted, deadline: float) -> Link:
        loop = asyncio.get_running_loop()
        until = min(deadline, loop.time() + FIND_SECONDS)
        while True:
            if self._closed:
                raise ConnectFailed("the datasource's client is closed", outcome=Outcome.NOT_SENT)
            found = await self._try_all(wanted, until)
            if isinstance(found, Link):
                self._links[wanted] = found
                return found
            if not found.worth_waiting or loop.time() + AGAIN_SECONDS >= until:
                raise found.error
            await asyncio.sleep(AGAIN_SECONDS)

    async def _try_all(self, wanted: Wanted, until: float) -> "Link | _Missing":
        """Ask each host once; return the best that suits, or why there is none."""
        loop = asyncio.get_running_loop()
        hosts = self._configuration.hosts
        links: list[Link] = []
        errors: list[DatasourceError] = []
        best: Link | None = None
        try:
            for left, endpoint in zip(range(len(hosts), 0, -1), hosts, strict=True):
                now = loop.time()
                try:
                    link = await self._dial(endpoint, now + (until - now) / left)
                except ConnectFailed as error:
                    errors.append(error)
                    continue
                links.append(link)
                self._check(link)
                if self._suits(wanted)[0](link):
                    best = link
                    return link
            best = next((link for suits in self._suits(wanted) for link in links if suits(link)), None)
            return best or self._missing(links, errors)
        finally:
            for link in links:
                if link is not best:
                    self._retire(link)

    def _suits(self, wanted: Wanted) -> Suits:
        return _SUITS["primary" if wanted is Wanted.WRITE else self._configuration.preference]

    def _check(self, link: Link) -> None:
        """Refuse a server that is another set's, or too old."""
        name = link.hello.get("setName", "")
        if self._configuration.replica_set and name != self._configuration.replica_set:
            raise BadResponse(
                "the server is not a member of the datasource's replica set",
                hint="compare the datasource's replicaSet with rs.status().set",
                outcome=Outcome.NOT_SENT,
            )
        if link.hello.get("maxWireVersion", 0) < OLDEST_WIRE:
            raise BadResponse("the server is older than MongoDB 5.0, which the driver needs", outcome=Outcome.NOT_SENT)

    def _missing(self, links: Sequence[Link], errors: Sequence[DatasourceError]) -> "_Missing":
        known = {endpoint.name for endpoint in self._configuration.hosts}
        announced = {str(link.hello["primary"]).lower() for link in links if link.hello.get("primary")}
        if announced and not announced & known:
            return _Missing(
                _nobody(
                    "the replica set's primary is none of the datasource's hosts",
                    "name every member in hosts: a host that a server announces is never dialled",
                ),
                worth_waiting=False,
            )
        if links:
            return _Missing(_nobody("the replica set has no member of the wanted kind now"), worth_waiting=True)
        return _Missing(errors[0] if errors else _nobody("no host answered"), worth_waiting=False)

    def _retire(self, link: Link) -> None:
        self._retired.add(link)
        task = asyncio.get_running_loop().create_task(self._end(link))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _end(self, link: Link) -> None:
        try:
            await link.drained()
            await link.close()
        finally:
            self._retired.discard(link)


class _Missing:
    """Why no host suits."""

    def __init__(self, error: DatasourceError, *, worth_waiting: bool) -> None:
        self.error = error
        self.worth_waiting = worth_waiting
        """An election may end in time."""


def _nobody(message: str, hint: str = "") -> ConnectFailed:
    return ConnectFailed(message, hint=hint, outcome=Outcome.NOT_SENT)
