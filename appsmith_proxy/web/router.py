"""Finding the route of a request from the very bytes of its target: a closed table, and nothing is normalised.

A path is one of ours exactly as written here, an id being 24 lower-case hexadecimal digits, or it is not found. So there
are no two readings of a path: ``//``, ``/./``, ``;``, ``%2f``, ``%61``, a backslash or a whole URL are just other paths.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final, final

from appsmith_proxy.errors import InvalidRequest, NotFound
from appsmith_proxy.model.ids import ID_PATTERN
from appsmith_proxy.web.route import ID, Route
from appsmith_proxy.web.statuses import Refused

_ID_SEGMENT: Final = re.compile(rf"(?<=/){ID_PATTERN.pattern}(?=/|\Z)")


@final
class Router:
    """Every route by method and path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._fixed: dict[str, dict[str, Route]] = {}
        self._with_id: dict[str, dict[str, Route]] = {}
        for route in routes:
            table = self._with_id if ID in route.path else self._fixed
            methods = table.setdefault(route.full_path, {})
            if route.method in methods:
                raise ValueError(f"{route.method} {route.path}: stands twice in the table of routes")
            methods[route.method] = route

    def find(self, method: str, target: str) -> tuple[Route, str, str]:
        """Return the route of a request target, the record's id, and the raw query.

        Raises:
            NotFound: no such path.
            Refused: the path exists, but not with this method (405).
        """
        methods: Mapping[str, Route] | None = self._fixed.get(target)
        record_id = query = ""
        if methods is None:
            path, _, query = target.partition("?")
            methods, record_id = self._methods(path)
        route = methods.get(method)
        if route is None:
            allow = ", ".join(sorted(methods))
            error = InvalidRequest("this path does not take this method", hint=f"it takes {allow}")
            raise Refused(405, error, headers=(("Allow", allow),))
        return route, record_id, query

    def methods(self, target: str) -> tuple[str, ...]:
        """Return the methods of a request target; for preflights. Raises ``NotFound``."""
        return tuple(sorted(self._methods(target.partition("?")[0])[0]))

    def _methods(self, path: str) -> tuple[Mapping[str, Route], str]:
        methods = self._fixed.get(path)
        if methods is not None:
            return methods, ""
        match = _ID_SEGMENT.search(path)
        if match is not None:
            methods = self._with_id.get(path[: match.start()] + ID + path[match.end() :])
            if methods is not None:
                return methods, match[0]
        raise NotFound("no such path")
