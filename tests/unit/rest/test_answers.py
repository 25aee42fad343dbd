"""What comes back: kinds by type, exact JSON, text in UTF-8, limits and compression under a cap."""

import base64
import gzip
import json
import tracemalloc
import zlib
from urllib.parse import quote

import pytest

from appsmith_proxy.sdk import BadResponse, Body, BodyKind, Disconnected, Result
from appsmith_proxy_rest.inflate import BodyBuffer
from tests.servers.http import SMALL, HttpUpstream
from tests.servers.rest import rest_client, send


def body_of(result: Result) -> Body:
    assert result.body is not None
    return result.body


async def typed(upstream: HttpUpstream, content: bytes, kind: str | None) -> Result:
    query = [("base64", base64.b64encode(content).decode())]
    if kind is not None:
        query.append(("type", kind))
    async with rest_client(upstream.url) as client:
        return await send(client, "type", query=tuple(query))


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":2}',
        " [1.50, 1e400, 12345678901234567890123, -0] \n",
        '"text"',
        "null",
        "12",
        '{"é":"\\u00e9"}',
        '["\\ud800"]',
    ],
)
async def test_json_passes_through_untouched(upstream: HttpUpstream, text: str) -> None:
    for kind in ("application/json", "application/problem+json; charset=utf-8"):
        body = body_of(await typed(upstream, text.encode(), kind))
        assert (body.kind, body.value) == (BodyKind.JSON, text.encode())


@pytest.mark.parametrize(
    ("content", "kind", "expected", "value"),
    [
        (b"{}", "text/plain", BodyKind.TEXT, b"{}"),
        (b"12", "text/plain", BodyKind.TEXT, b"12"),
        (b"<a/>", "application/xml", BodyKind.TEXT, b"<a/>"),
        (b"<a/>", "application/atom+xml", BodyKind.TEXT, b"<a/>"),
        (b"a,b", "text/csv", BodyKind.TEXT, b"a,b"),
        (b"hello", None, BodyKind.TEXT, b"hello"),
        (b"\xff\xfe\xfd", None, BodyKind.BINARY, b"\xff\xfe\xfd"),
        (b"hello", "application/octet-stream", BodyKind.BINARY, b"hello"),
        (b"hello", "image/png", BodyKind.BINARY, b"hello"),
        (b"\xe9", "text/plain; charset=latin-1", BodyKind.TEXT, "é".encode()),
        (b"\xe9", "text/plain; charset=windows-1252", BodyKind.TEXT, "é".encode()),
        ("é".encode("utf-16"), "text/plain; charset=utf-16", BodyKind.TEXT, "é".encode()),
        ('{"é":1}'.encode("utf-16"), "application/json; charset=utf-16", BodyKind.JSON, '{"é":1}'.encode()),
        (b"\xef\xbb\xbf{}", "application/json", BodyKind.JSON, b"{}"),
        (b"\xef\xbb\xbfx", "text/plain", BodyKind.TEXT, b"\xef\xbb\xbfx"),
        (b"\xe9", "text/plain; charset=utf-8", BodyKind.BINARY, b"\xe9"),
        (b"\xe9", "application/json", BodyKind.BINARY, b"\xe9"),
        (b"x", "text/plain; charset=no-such", BodyKind.BINARY, b"x"),
        ("é".encode("cp1252"), "text/plain; charset=CP1252", BodyKind.TEXT, "é".encode()),
        ("日".encode("shift_jis"), "text/plain; charset=Shift_JIS", BodyKind.TEXT, "日".encode()),
        ("日".encode("euc-jp"), 'text/plain; charset="euc-jp"', BodyKind.TEXT, "日".encode()),
        (b"x", "text/plain; charset=iso-8859-99", BodyKind.BINARY, b"x"),
        (b"x", "text/plain; charset=zlib", BodyKind.BINARY, b"x"),
        (b"x", "text/plain; charset=punycode", BodyKind.BINARY, b"x"),
        (b"x", "text/plain; charset=unicode_escape", BodyKind.BINARY, b"x"),
        (b"", "application/json", BodyKind.TEXT, b""),
        (b"", None, BodyKind.TEXT, b""),
    ],
)
async def test_the_type_decides_the_kind(
    upstream: HttpUpstream, content: bytes, kind: str | None, expected: BodyKind, value: bytes
) -> None:
    result = await typed(upstream, content, kind)
    assert (body_of(result).kind, body_of(result).value) == (expected, value)
    assert result.messages == ()


@pytest.mark.parametrize("text", ['{"a": 1,}', "{} {}", "NaN", "{'a': 1}", "[" * 5000, '{"a": 1', '"\ud800"'])
async def test_what_only_claims_to_be_json_is_text(upstream: HttpUpstream, text: str) -> None:
    content = text.encode("utf-8", "surrogatepass")
    result = await typed(upstream, content, "application/json")
    assert body_of(result).kind in (BodyKind.TEXT, BodyKind.BINARY)
    assert body_of(result).value == content
    assert len(result.messages) == (body_of(result).kind is BodyKind.TEXT)


@pytest.mark.parametrize("how", ["gzip", "upper", "deflate", "raw", "members", "identity"])
async def test_encodings_are_undone(upstream: HttpUpstream, how: str) -> None:
    async with rest_client(upstream.url) as client:
        body = body_of(await send(client, f"encoded/{how}"))
    assert body.value == SMALL
    assert not {name.lower() for name, _ in body.headers} & {"content-encoding", "content-length"}


@pytest.mark.parametrize("how", ["cut", "wrong", "br", "nested"])
async def test_encodings_that_cannot_be_undone_are_named(upstream: HttpUpstream, how: str) -> None:
    async with rest_client(upstream.url) as client:
        with pytest.raises(BadResponse, match=r"encoding|early"):
            await send(client, f"encoded/{how}")
        assert (await send(client, "echo")).body is not None  # the client is still good


@pytest.mark.parametrize("path", ["big/100000", "bomb/50000000", "endless"])
async def test_text_is_cut_at_the_limit(upstream: HttpUpstream, path: str) -> None:
    async with rest_client(upstream.url) as client:
        result = await send(client, path, limit=1001)
    assert result.truncated
    assert 1000 <= len(body_of(result).value) <= 1001
    body_of(result).value.decode()  # no half character


async def test_text_of_exactly_the_limit_is_whole(upstream: HttpUpstream) -> None:
    async with rest_client(upstream.url) as client:
        result = await send(client, "big/1000", limit=1000)
        assert (len(body_of(result).value), result.truncated) == (1000, False)
        assert (await send(client, "big/1002", limit=1000)).truncated


async def test_json_is_whole_or_an_error(upstream: HttpUpstream) -> None:
    async with rest_client(upstream.url) as client:
        assert not (await send(client, "bigjson/1000", limit=1004)).truncated
        with pytest.raises(BadResponse, match="1003 bytes"):
            await send(client, "bigjson/1000", limit=1003)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_never_inflated_beyond_the_cap(encoding: str) -> None:
    bomb = gzip.compress(bytes(10_000_000)) if encoding == "gzip" else zlib.compress(bytes(10_000_000))
    tracemalloc.start()
    try:
        buffer = BodyBuffer(encoding, 1_000)
        assert buffer.feed(bomb)
        assert len(buffer.finish()) == 1_000
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()


async def test_compressed_nothing_without_end_ends(upstream: HttpUpstream) -> None:
    async with rest_client(upstream.url) as client:
        assert (await send(client, "endless-gzip", limit=1000)).truncated


async def test_an_answer_that_ends_early_is_lost(upstream: HttpUpstream) -> None:
    async with rest_client(upstream.url) as client:
        with pytest.raises(Disconnected):
            await send(client, "cut")


@pytest.mark.parametrize("status", [200, 201, 204, 301, 304, 400, 401, 403, 404, 418, 429, 500, 503])
async def test_any_status_is_an_answer(upstream: HttpUpstream, status: int) -> None:
    async with rest_client(upstream.url) as client:
        body = body_of(await send(client, f"status/{status}"))
    assert body.status == status
    assert body.reason


async def test_headers_are_shown_without_those_of_the_connection_and_cookies(upstream: HttpUpstream) -> None:
    async with rest_client(upstream.url) as client:
        shown = dict(body_of(await send(client, "headers")).headers)
        assert shown["X-Header-39"] == "39"
        assert "Keep-Alive" not in shown
        cookies = body_of(await send(client, "cookies"))
    assert "cookie-canary" not in repr(cookies)


async def test_a_reason_and_a_header_stay_text(upstream: HttpUpstream) -> None:
    async with rest_client(upstream.url) as client:
        body = body_of(await send(client, "type", query=(("text", json.dumps({})), ("type", quote("text/plain")))))
    assert body.reason == "OK"
