"""Reading a request's body: by its declared type, under a cap and a deadline, whole and in memory."""

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any, Concatenate, Final, ParamSpec, TypeVar, cast

from aiohttp import StreamReader
from aiohttp.hdrs import CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE

from appsmith_proxy.errors import InvalidRequest, LimitExceeded, Problem, TooLarge
from appsmith_proxy.gateway.execution import ExecuteCall
from appsmith_proxy.model.principal import Principal
from appsmith_proxy.sdk import Value, json_text
from appsmith_proxy.web.decode import decode, join
from appsmith_proxy.web.form import ExecuteForm, read_form
from appsmith_proxy.web.models import ExecuteBody
from appsmith_proxy.web.multipart import boundary_of, split
from appsmith_proxy.web.options import WebOptions
from appsmith_proxy.web.parsing import M, parse
from appsmith_proxy.web.plain import read_plain
from appsmith_proxy.web.request import Request
from appsmith_proxy.web.statuses import Refused

JSON_TYPES: Final = frozenset({"application/json"})
PATCH_TYPES: Final = frozenset({"application/json", "application/merge-patch+json"})
KEY_HEADER: Final = "Idempotency-Key"
_KEY: Final = type(CONTENT_TYPE)(KEY_HEADER)
"""Names of headers that are looked up in every request are aiohttp's own kind, folded once."""
KEY_PATTERN: Final = re.compile(r"[\x21-\x7e]{1,255}")
SMALL_BYTES: Final = 256 * 1024
"""Up to here a body is read in place: sooner done than handed over."""
LARGE_BYTES: Final = 16 * 1024
"""Above, checking and binding its values can take milliseconds, and with some declarations much longer."""

_T = TypeVar("_T")
_P = ParamSpec("_P")


async def read_json(request: Request, model: type[M], options: WebOptions) -> M:
    """Read a JSON body as a model.

    Raises:
        InvalidRequest, TooLarge, Refused: nothing of the body was used.
    """
    _check_type(request, PATCH_TYPES if request.method == "PATCH" else JSON_TYPES)
    body = await read_bytes(request, options.body_bytes, options.body_seconds)
    return await _aside(_read_model, body, model)


async def read_execute(request: Request, principal: Principal, options: WebOptions) -> ExecuteCall:
    """Read the body of an execute call: JSON, or the family's form.

    Raises:
        InvalidRequest, TooLarge, Refused: nothing of the body was used.
    """
    content_type = request.headers.get(CONTENT_TYPE, "")
    boundary = None if content_type in JSON_TYPES else boundary_of(content_type)
    if boundary is not None:
        return await _read_execute_form(request, principal, boundary, options)
    _check_type(request, JSON_TYPES)
    key = _idempotency_key(request)
    body = await read_bytes(request, options.execute_body_bytes, options.body_seconds)
    return _execute_call(principal, await _aside(_read_execute_body, body, options), key, size=len(body))


def read_execute_now(request: Request, principal: Principal, options: WebOptions) -> ExecuteCall | None:
    """Read it at once when it is JSON, small, and came with the headers, as nearly always. None: ``read_execute``.

    Raises:
        InvalidRequest, TooLarge: nothing of the body was used.
    """
    stream, headers = request.content, request.headers
    if (
        headers.get(CONTENT_TYPE, "") not in JSON_TYPES
        or CONTENT_ENCODING in headers
        or not request.complete
        or stream.total_bytes > SMALL_BYTES
        or stream.total_bytes > options.execute_body_bytes
    ):
        return None
    key = _idempotency_key(request) if _KEY in headers else None
    body = _whole(stream)
    plain = read_plain(body) if len(body) <= options.value_bytes else None
    if plain is None:
        return _execute_call(principal, _read_execute_body(body, options), key, size=len(body))
    action_id, view_mode, params = plain
    return ExecuteCall(
        principal=principal, action_id=action_id, view_mode=view_mode, params=params, idempotency_key=key
    )


async def read_bytes(request: Request, limit: int, seconds: float) -> bytes:
    """Read a body of at most ``limit`` bytes within ``seconds``.

    Raises:
        TooLarge: before it is read, when its length is declared.
        Refused: it came too slowly (408).
        BodyBroken: its framing is broken.
    """
    if request.complete:
        body = _whole(request.content)
    else:
        body = await _read_slowly(request, limit, seconds)
    if len(body) > limit:
        raise _too_large(limit)
    return body


def _whole(stream: StreamReader) -> bytes:
    """Return a body that has come to its end: ``read_nowait`` does the same in six calls."""
    # Nobody reads from it again, so nothing that it counts has to be kept right.
    return b"".join(stream._buffer) if stream.total_bytes else b""  # noqa: SLF001  # reason: aiohttp's version is pinned


def refuse_body(request: Request) -> None:
    """Refuse a body where none is read: it would be ignored, and its sender would not know.

    Raises:
        InvalidRequest: there is one.
    """
    if not request.content.at_eof():
        raise InvalidRequest("this call takes no body")


async def _read_execute_form(
    request: Request, principal: Principal, boundary: bytes, options: WebOptions
) -> ExecuteCall:
    _check_encoding(request)
    key = _idempotency_key(request)
    body = await read_bytes(request, options.execute_body_bytes, options.body_seconds)
    form = await _aside(_read_form, body, boundary, options)
    metadata = form.metadata
    return ExecuteCall(
        principal=principal,
        action_id=metadata.action_id,
        view_mode=metadata.view_mode,
        params=form.params,
        family=True,
        numbers=metadata.numbers,
        idempotency_key=key,
        large=len(body) > LARGE_BYTES,
    )


def _read_model(body: bytes, model: type[M]) -> M:
    return parse(model, decode(body, fraction=float))


def _read_execute_body(body: bytes, options: WebOptions) -> ExecuteBody:
    asked = parse(ExecuteBody, decode(body))
    if len(body) > options.value_bytes:
        _check_values(asked.params, options.value_bytes)
    return asked


def _execute_call(principal: Principal, asked: ExecuteBody, key: str | None, *, size: int) -> ExecuteCall:
    return ExecuteCall(
        principal=principal,
        action_id=asked.action_id,
        view_mode=asked.view_mode,
        params=asked.params,
        numbers=asked.numbers,
        dry_run=asked.mode == "dryRun",
        idempotency_key=key,
        large=size > LARGE_BYTES,
    )


def _idempotency_key(request: Request) -> str | None:
    given = request.headers.getall(_KEY, ())
    if not given:
        return None
    if len(given) > 1 or KEY_PATTERN.fullmatch(given[0]) is None:
        raise InvalidRequest(
            f"the header {KEY_HEADER} is not a key",
            hint="send one, of 1 to 255 visible ASCII characters, made anew for each thing that is to be done",
        )
    return given[0]


def _read_form(body: bytes, boundary: bytes, options: WebOptions) -> ExecuteForm:
    return read_form(split(body, boundary, value_bytes=options.value_bytes), total_bytes=options.execute_body_bytes)


async def _aside(read: Callable[Concatenate[bytes, _P], _T], body: bytes, *args: _P.args, **named: _P.kwargs) -> _T:
    """Read a body here when it is small; a large one in a thread, so that nobody else waits for it."""
    if len(body) <= SMALL_BYTES:
        return read(body, *args, **named)
    return await asyncio.to_thread(read, body, *args, **named)


async def _read_slowly(request: Request, limit: int, seconds: float) -> bytes:
    if int(request.headers.get(CONTENT_LENGTH, "0")) > limit:
        raise _too_large(limit)
    await _continue(request)
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > limit:
                    raise _too_large(limit)
    except TimeoutError:
        late = LimitExceeded(f"the body did not come within {seconds:g} seconds")
        raise Refused(408, late) from None
    return bytes(body)


async def _continue(request: Request) -> None:
    """Tell a client that asked first (RFC 9110, 10.1.1) to send its body."""
    if "Expect" not in request.headers:
        return
    if request.headers.get("Expect", "").lower() != "100-continue":
        raise Refused(417, InvalidRequest("the Expect header asks for something unknown"))
    request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def _check_type(request: Request, accepted: frozenset[str]) -> None:
    content_type = request.headers.get(CONTENT_TYPE, "")
    if content_type not in accepted:
        media_type, _, parameters = content_type.partition(";")
        charset = parameters.strip().lower().replace('"', "")
        if media_type.strip().lower() not in accepted or charset not in ("", "charset=utf-8"):
            raise Refused(
                415,
                InvalidRequest(
                    "the body has a type that is not read here", hint=f"send {' or '.join(sorted(accepted))}"
                ),
            )
    _check_encoding(request)


def _check_encoding(request: Request) -> None:
    if CONTENT_ENCODING in request.headers:
        raise Refused(415, InvalidRequest("the body is compressed", hint="send it as it is"))


def _check_values(params: Mapping[str, Any], limit: int) -> None:
    for name, value in params.items():
        text = value if isinstance(value, str) else json_text(cast("Value", value))
        if len(text.encode()) > limit:
            raise TooLarge(
                f"a value has more than {limit} bytes", details=(Problem(join("params", name), "is too large"),)
            )


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body has more than {limit} bytes")
