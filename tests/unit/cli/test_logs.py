"""The operators' log: one JSON object a line, whatever it is told, and nothing of what libraries say."""

import json
import logging
import sys

from appsmith_proxy.logs import JsonLines


def line(name: str, message: str, *values: object, error: BaseException | None = None) -> dict[str, object]:
    """Return a record as it is written; it must be one line."""
    info = None if error is None else (type(error), error, error.__traceback__)
    record = logging.LogRecord(name, logging.WARNING, "/x/place.py", 7, message, values, info)
    text = JsonLines().format(record)
    assert "\n" not in text
    assert text.isprintable()
    found: dict[str, object] = json.loads(text)
    return found


def test_our_own_messages_are_told_whole() -> None:
    told = line("appsmith_proxy.gateway", "leases of %s: %d", "shop", 3)
    assert (told["level"], told["logger"], told["message"]) == (
        "warning",
        "appsmith_proxy.gateway",
        "leases of shop: 3",
    )
    assert str(told["at"]).endswith("+00:00")


def test_a_message_cannot_forge_another_line() -> None:
    forged = 'x\n{"level": "error", "message": "forged"}\r\x1b[31m\u2028'
    assert line("appsmith_proxy", "%s", forged)["message"] == forged


def test_of_libraries_only_the_place_is_told() -> None:
    for name in ("aiosqlite", "asyncio", "aiohttp.server", "appsmith_proxyx", "root"):
        told = line(name, "executing %s", "SELECT 'canary'")
        assert told["message"] == "place:7", name


def test_an_exception_is_named_and_not_quoted() -> None:
    try:
        int("canary")
    except ValueError as error:
        told = line("appsmith_proxy", "it failed", error=error)
    assert told["exception"] == "ValueError"
    assert "canary" not in json.dumps(told)
    assert sys.exc_info() == (None, None, None)
