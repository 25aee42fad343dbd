"""A request keeps the base URL's origin and path prefix, whatever a value holds."""

from urllib.parse import parse_qsl, quote

import pytest
import yarl
from hypothesis import given
from hypothesis import strategies as st

from appsmith_proxy.sdk import BadResponse, ParameterInvalid, StatementInvalid
from appsmith_proxy_rest.urls import Origin, Url, below, first_lines, is_below, parse_base, parse_url, redirected

BASE = parse_base("https://api.example.com/v1")


@pytest.mark.parametrize(
    ("base", "path", "target"),
    [
        ("https://h", "", "/"),
        ("https://h/", "", "/"),
        ("https://h", "a", "/a"),
        ("https://h", "/a", "/a"),
        ("https://h/v1", "", "/v1"),
        ("https://h/v1/", "", "/v1/"),
        ("https://h/v1", "a/b/", "/v1/a/b/"),
        ("https://h/v1/", "/a", "/v1/a"),
        ("https://h/v1", "a%20b", "/v1/a%20b"),
        ("https://h/v1", "group%2Fproject", "/v1/group%2Fproject"),
        ("https://h/v1", "a;b=c,d:e@f!", "/v1/a;b=c,d:e@f!"),
        ("https://h/v1", "caf%C3%A9", "/v1/caf%C3%A9"),
        ("https://h/v1", "...", "/v1/..."),
        ("https://h/v1", "a..b", "/v1/a..b"),
        ("https://h/v1", "100%25", "/v1/100%25"),
        ("https://h/v1", "a%3Fb%23c", "/v1/a%3Fb%23c"),
    ],
)
def test_a_path_goes_below_the_base(base: str, path: str, target: str) -> None:
    assert first_lines("GET", below(parse_base(base), path, ())) == f"GET {target} HTTP/1.1\r\nHost: h\r\n"


@pytest.mark.parametrize(
    "path",
    [
        "..",
        ".",
        "a/..",
        "a/../b",
        "../a",
        "/../a",
        "%2e%2e",
        "%2E%2E/a",
        ".%2e",
        "%2e",
        "%252e%252e",
        "%25252e%25252e",
        "..;x=1/a",
        "..%3Bx",
        "a%2F..%2Fb",
        "..%2Fadmin",
        "..%5Cadmin",
        "a%5C..",
        "a%252F..%252Fb",
        "%EF%BC%8E%EF%BC%8E",
        "%E2%80%A5",
        "..%20",
        "a//b",
        "//evil.example",
        "///evil.example",
        "/",
        "a\\b",
        "\\\\evil.example",
        "a?b",
        "a#b",
        "a b",
        "a\tb",
        "a\r\nb",
        "a%0d%0ab",
        "a%00b",
        "a%7F",
        "a%",
        "a%2",
        "a%zz",
        "é",
        "a\x00",
        "{x}",
        '"',
        "<a>",
        "a%2525252525252e",
    ],
)
def test_a_path_that_could_leave_the_base_is_refused(path: str) -> None:
    if path == "/":
        assert below(BASE, path, ()).path == "/v1"
        return
    with pytest.raises(StatementInvalid) as caught:
        below(BASE, path, ())
    assert caught.value.outcome == "not_sent"


def test_a_target_has_a_longest_length() -> None:
    with pytest.raises(ParameterInvalid):
        below(BASE, "a", [("q", "é" * 6_000)])
    below(BASE, "a", [("q", "é" * 5_000)])


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("%" * 32_769, ()),
        ("%2e" * 350_000, ()),
        ("%", (("a", "x" * 32_768),)),
        ("%", tuple(("", "xx") for _ in range(16_384))),
    ],
)
def test_what_is_too_long_is_refused_before_it_is_read(path: str, query: tuple[tuple[str, str], ...]) -> None:
    """The paths are wrong too; to say so a megabyte would be decoded over and over."""
    with pytest.raises(ParameterInvalid, match="longer than"):
        below(BASE, path, query)


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=4))
def test_no_value_leaves_its_segment(values: list[str]) -> None:
    """Values encoded as one segment each, as the compiler does: sent in place or refused."""
    try:
        segments = [quote(value, safe="") for value in values]
    except UnicodeEncodeError:
        return
    try:
        url = below(BASE, "items/" + "/".join(segments), ())
    except StatementInvalid:
        return
    assert first_lines("GET", url).split(" ")[1].split("/") == ["", "v1", "items", *segments]
    assert url.origin == ("https", "api.example.com", 443)
    assert is_below(BASE, url)


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=3))
def test_no_query_value_becomes_another(pairs: list[tuple[str, str]]) -> None:
    try:
        url = below(BASE, "a", pairs)
    except UnicodeEncodeError:
        return
    query = first_lines("GET", url).split(" ")[1].removeprefix("/v1/a").removeprefix("?")
    assert parse_qsl(query, keep_blank_values=True, errors="strict") == pairs


@pytest.mark.parametrize(
    "text",
    [
        "ftp://h",
        "file:///etc/passwd",
        "//h/x",
        "h/x",
        "",
        "https://",
        "https:///x",
        "https://user@h/",
        "https://user:pw@h/",
        "https://h:0/",
        "https://h:65536/",
        "https://h:x/",
        "https://[::1/",
        "https://bücher.example/",
        "https://h/a b",
        "https://h\\@evil/",
        "https://h/\n",
        "https://h\t/",
    ],
)
def test_what_is_no_url_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(ValueError, match="URL") as caught:
        parse_url(text)
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["https://h/?a=b", "https://h/a/../b", "https://h/%2e%2e/", "https://h/a//b", "https://h//"]
)
def test_a_base_is_plain(text: str) -> None:
    with pytest.raises(ValueError, match="base URL"):
        parse_base(text)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("HTTPS://H.example/x", ("https", "h.example", 443)),
        ("http://h:8080", ("http", "h", 8080)),
        ("http://[::1]:81/", ("http", "::1", 81)),
        ("https://h:443/", ("https", "h", 443)),
    ],
)
def test_an_origin_is_scheme_host_and_port(text: str, origin: tuple[str, str, int]) -> None:
    url = parse_url(text)
    assert url.origin == origin
    assert parse_url(url.text) == url
    yarl_reads = yarl.URL(url.text, encoded=True)
    assert (yarl_reads.scheme, yarl_reads.host, yarl_reads.port) == origin


@pytest.mark.parametrize(
    "url",
    [
        Url(origin=Origin("https", "h", 443), path="/a#b"),
        Url(origin=Origin("https", "h", 443), path="/a", query="x#y"),
        Url(origin=Origin("https", "h", 443), path="?x"),
        Url(origin=Origin("https", "user@h", 443), path="/"),
        Url(origin=Origin("https", "h/x", 443), path="/"),
        Url(origin=Origin("https", "h\r\nX: y", 443), path="/"),
        Url(origin=Origin("https", "", 443), path="/"),
        Url(origin=Origin("https", "h", 443), path="/a b"),
        Url(origin=Origin("https", "h", 443), path="/a HTTP/1.1\r\nX: y"),
        Url(origin=Origin("https", "h", 443), path="/a", query="\r\n"),
        Url(origin=Origin("https", "h", 443), path="/é"),
        Url(origin=Origin("https", "h", 443), path=""),
    ],
)
def test_what_is_no_target_and_no_host_is_not_sent(url: Url) -> None:
    with pytest.raises(StatementInvalid):
        first_lines("GET", url)


@pytest.mark.parametrize(
    ("location", "target", "home"),
    [
        ("/v1/b", "https://api.example.com/v1/b", True),
        ("b", "https://api.example.com/v1/b", True),
        ("?x=1", "https://api.example.com/v1/a?x=1", True),
        ("/v1", "https://api.example.com/v1", True),
        ("/v1#part", "https://api.example.com/v1", True),
        ("/v2", "https://api.example.com/v2", False),
        ("/v10", "https://api.example.com/v10", False),
        ("../v2", "https://api.example.com/v2", False),
        ("/v1/%2e%2e/v2", "https://api.example.com/v1/%2e%2e/v2", False),
        ("//other.example/v1", "https://other.example/v1", False),
        ("https://api.example.com:444/v1", "https://api.example.com:444/v1", False),
        ("https://API.example.com:443/v1/x", "https://api.example.com/v1/x", True),
        ("https://api.example.com.evil.example/v1", "https://api.example.com.evil.example/v1", False),
        ("/v1/é x", "https://api.example.com/v1/%C3%A9%20x", True),
    ],
)
def test_a_redirect_is_home_only_below_the_base(location: str, target: str, home: bool) -> None:
    url = redirected(parse_url("https://api.example.com/v1/a"), location)
    assert (url.text, is_below(BASE, url)) == (target, home)


@pytest.mark.parametrize(
    "location",
    ["http://api.example.com/v1", "ftp://h/", "javascript:x", "https://user@h/", "https://h:99999/", "\\\\h\\x"],
)
def test_some_redirects_are_not_followed(location: str) -> None:
    with pytest.raises(BadResponse) as caught:
        redirected(parse_url("https://api.example.com/v1"), location)
    assert location not in str(caught.value)
