"""The REST driver and an upstream, as the injection suite needs them, with every place of a request."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar, Final

from appsmith_proxy.sdk import Driver, ParameterType
from appsmith_proxy.testing import BindingContext, InjectionHarness
from appsmith_proxy.testing.context import itself
from appsmith_proxy_rest import RestDriver
from tests.corpus.upstream import CUT, Upstream

_WIDTH: Final = 20
_TARGET: Final = 2_000
"""Characters of values that fit a request's target when each becomes nine."""


class RestInjection(InjectionHarness):
    """An upstream that answers what it was sent."""

    driver_type: ClassVar[type[Driver]] = RestDriver
    family = "http"

    def __init__(self) -> None:
        self._upstream = Upstream()

    def configuration(self) -> dict[str, Any]:
        return {"url": f"http://127.0.0.1:{self._upstream.port or 1}/base", "authentication": "none"}

    async def prepare(self) -> None:
        await self._upstream.start()

    async def release(self) -> None:
        await self._upstream.stop()

    async def fixture(self) -> Any:
        return list(self._upstream.elsewhere)

    async def sent(self) -> Collection[str]:
        return set(self._upstream.shapes)

    @classmethod
    def contexts(cls) -> Sequence[BindingContext]:
        return _CONTEXTS


def _context(
    name: str, action: Callable[[Sequence[str]], Mapping[str, Any]], *, form: str = "{}", **options: Any
) -> BindingContext:
    def wanted(values: Sequence[Any]) -> Any:
        return [form.replace("{}", value) if isinstance(value, str) else value for value in values]

    return BindingContext(name=name, action=action, read=itself, **{"wanted": wanted, "width": _WIDTH, **options})


def _pairs(names: Sequence[str], *, name: str = "text", value: str = "value") -> list[dict[str, str]]:
    """Return pairs in whose name or value a binding stands."""
    return [
        {"name": name.replace("%s", f"{{{{{binding}}}}}"), "value": value.replace("%s", f"{{{{{binding}}}}}")}
        for binding in names
    ]


def _headers(names: Sequence[str]) -> list[dict[str, str]]:
    return [{"name": f"X-Text-{binding}", "value": f"{{{{{binding}}}}}"} for binding in names]


def _posted(path: str, kind: str, body: Any) -> dict[str, Any]:
    return {"method": "POST", "path": path, "bodyType": kind, "body": body}


def _list(names: Sequence[str], form: str) -> str:
    return "[" + ", ".join(form % binding for binding in names) + "]"


def _escaped(values: Sequence[str]) -> list[str]:
    """Return names as multipart bodies hold them: escaped as browsers do."""
    return [value.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22") for value in values]


_CONTEXTS: Final = (
    _context(
        "segment",
        lambda names: {"path": "segments/" + "/".join(f"{{{{{name}}}}}" for name in names)},
        takes="segment",
        room=_TARGET,
    ),
    _context(
        "in_segment",
        lambda names: {"path": "segments/" + "/".join(f"a{{{{{name}}}}}z" for name in names)},
        form="a{}z",
        takes="segment",
        room=_TARGET,
    ),
    _context("query", lambda names: {"path": "query", "query": _pairs(names, value="%s")}, room=_TARGET),
    _context("query_name", lambda names: {"path": "query_names", "query": _pairs(names, name="%s")}, room=_TARGET),
    _context("header", lambda names: {"path": "headers", "headers": _headers(names)}, takes="header"),
    _context("text", lambda names: _posted("text", "text", CUT.join(f"{{{{{name}}}}}" for name in names))),
    _context(
        "in_text", lambda names: _posted("text", "text", CUT.join(f"a{{{{{name}}}}}z" for name in names)), form="a{}z"
    ),
    _context("json", lambda names: _posted("json", "json", _list(names, "{{%s}}")), takes="json"),
    _context("json_quoted", lambda names: _posted("json", "json", _list(names, '"{{%s}}"')), takes="json"),
    _context("json_inside", lambda names: _posted("json", "json", _list(names, '"a{{%s}}z"')), form="a{}z"),
    _context(
        "json_declared",
        lambda names: _posted("json", "json", _list(names, "{{%s}}")),
        takes="json",
        declared={"type": ParameterType.JSON},
        given=lambda value: {"text": value},
        wanted=lambda values: [{"text": value} for value in values],
    ),
    _context("form", lambda names: _posted("form", "form", _pairs(names, value="%s"))),
    _context("form_name", lambda names: _posted("form_names", "form", _pairs(names, name="%s"))),
    _context("multipart", lambda names: _posted("multipart", "multipart", _pairs(names, value="%s"))),
    _context(
        "multipart_name",
        lambda names: _posted("multipart_names", "multipart", _pairs(names, name="%s")),
        wanted=_escaped,
    ),
)
