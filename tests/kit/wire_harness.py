"""The wire driver's harness: an example with a network and without SQL."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, ClassVar

from appsmith_proxy.sdk import ColumnType, Document, Driver, Value
from appsmith_proxy.testing import Call, Harness, Part, ValueCase
from tests.kit.wire_driver import WireDriver
from tests.kit.wire_server import WireServer


class WireHarness(Harness):
    """A server on a free port, new for each test."""

    driver_type: ClassVar[type[Driver]] = WireDriver
    absent: ClassVar[Mapping[Part, str]] = {
        Part.LOG: "there are no statements: values are values of the document",
        Part.STATE: "connections have no state besides the login",
        Part.DUPLICATES: "answers have one column",
    }

    def __init__(self) -> None:
        self.server = WireServer(password="wire sentinel/4711+äöü")
        self._stack = AsyncExitStack()

    def configuration(self) -> dict[str, Any]:
        return self.configuration_at("127.0.0.1", self.server.port or 1)

    def configuration_at(self, host: str, port: int) -> dict[str, Any]:
        return {"host": host, "port": port, "note": "kit"}

    def endpoint(self) -> tuple[str, int]:
        return "127.0.0.1", self.server.port

    async def prepare(self) -> None:
        await self._stack.enter_async_context(self.server.listening())

    async def release(self) -> None:
        await self._stack.aclose()

    def echo(self, text: str, *, place: str = "value") -> Call:
        return _call(verb="echo", value=text)

    def value_cases(self) -> Sequence[ValueCase]:
        return [
            ValueCase(name=repr(value), call=_call(verb="echo", value=value), expected=value, type=ColumnType.ANY)
            for value in (None, True, False, 0, 2**63, -1, 0.1, 1e308, "", "text", "\0")
        ]

    def many_rows(self, count: int) -> Call:
        return _call(verb="numbers", count=count)

    def large(self, size: int) -> Call:
        return _call(verb="large", size=size)

    def slow(self, seconds: float) -> Call:
        return _call(verb="echo", value="slow", sleep=seconds)

    async def activity(self) -> int:
        return self.server.running

    def write(self, rows: int = 1) -> Call:
        return _call(verb="add", count=rows)

    def count(self) -> Call:
        return _call(verb="count")

    def refused(self) -> Call:
        return _call(verb="kit_marker")

    def misfit(self) -> tuple[Call, int]:
        return _call(verb="numbers", count="kit_marker"), 1

    def secrets(self) -> dict[str, str]:
        return {"password": self.server.password}

    def wrong_secrets(self) -> dict[str, str]:
        return {"password": "not the wire's sentinel/0815+ß"}

    def secret_echoes(self) -> Sequence[Call]:
        return [_call(verb="password")]


def _call(**fields: Value) -> Call:
    return Call(payload=Document(fields=fields))
