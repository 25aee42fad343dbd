"""HTTP requests and documents: every value stays in the place where its binding stands."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appsmith_proxy.errors import InvalidRequest, ParameterInvalid
from appsmith_proxy.model.plan import Slot, Source
from appsmith_proxy.sdk import (
    ActionCheck,
    ActionProblem,
    Document,
    HttpRequest,
    Joined,
    Leaf,
    ParameterType,
    plain_tree,
)
from appsmith_proxy.template import Compiled, compile_action
from appsmith_proxy.template.json_context import compile_json
from tests.unit.template.drivers import DOCUMENTS, REST, Documents, bound, messages, parameter, plan_of, rest_plan

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def request_of(plan: Any, /, **values: Any) -> HttpRequest:
    payload = bound(plan, **values).payload
    assert isinstance(payload, HttpRequest)
    return payload


def rest(**configuration: Any) -> Compiled:
    return compile_action(REST, configuration, [], read_only=None, allow_ddl=False)


def body_of(text: str, /, **values: Any) -> str:
    body = request_of(rest_plan(method="POST", bodyType="json", body=text), **values).body
    assert body is not None
    return body.decode()


class TestPath:
    @pytest.mark.parametrize(
        ("value", "sent"),
        [
            ("a", "/x/a/y"),
            (5, "/x/5/y"),
            (True, "/x/true/y"),
            ("a/b", "/x/a%2Fb/y"),
            ("a\\b", "/x/a%5Cb/y"),
            ("?q=1#f", "/x/%3Fq%3D1%23f/y"),
            ("a;b=c", "/x/a%3Bb%3Dc/y"),
            ("@host:80", "/x/%40host%3A80/y"),
            ("%2e", None),
            ("é ", "/x/%C3%A9%20/y"),
            ("...", "/x/.../y"),
            ("a..b", "/x/a..b/y"),
            ("", None),
            (None, None),
            (".", None),
            ("..", None),
            ("../a", None),
            ("a/../b", None),
            ("a\\..\\b", None),
            ("%2e%2e", None),
            ("%252e%252e", None),
            ("%2e%2e%2fa", None),
            ("..%5ca", None),
            ("a\r\nb", None),
            ("a\x00", None),
            ("a\x7f", None),
            ("a\x85b", None),
            ("a%0ab", None),
            ("．．", None),
            ("‥／a", None),
            ("..;a=b", None),
            (" .. ", None),
            ("a%252fb", "/x/a%25252fb/y"),
            ("a%25252525252fb", None),
            pytest.param("a" * 32_768, "/x/" + "a" * 32_768 + "/y", id="as long as a path can be"),
            pytest.param("a" * 32_769, None, id="longer than a path can be"),
        ],
    )
    def test_a_value_is_one_segment(self, value: Any, sent: str | None) -> None:
        plan = rest_plan(path="/x/{{v}}/y")
        if sent is not None:
            assert request_of(plan, v=value).path == sent
            return
        with pytest.raises(ParameterInvalid) as caught:
            request_of(plan, v=value)
        assert [problem.path for problem in caught.value.details] == ["params.v"]

    @given(TEXT)
    def test_the_number_of_segments_is_the_authors(self, value: str) -> None:
        plan = rest_plan(path="/a/{{v}}/b/x{{v}}.json")
        try:
            path = request_of(plan, v=value).path
        except ParameterInvalid:
            return
        assert path.isascii()
        segments = path.split("/")
        assert [segments[0], segments[1], segments[3]] == ["", "a", "b"]
        assert [unquote(segments[2]), unquote(segments[4])] == [value, f"x{value}.json"]
        assert not any(unquote(segment) in (".", "..") for segment in segments)

    def test_parts_cannot_make_a_dot_segment_together(self) -> None:
        assert request_of(rest_plan(path="/a/.{{v}}"), v="well-known").path == "/a/.well-known"
        assert request_of(rest_plan(path="/a/{{v}}{{v}}"), v="a.").path == "/a/a.a."
        with pytest.raises(ParameterInvalid):
            request_of(rest_plan(path="/a/.{{v}}"), v=".")
        with pytest.raises(ParameterInvalid):
            request_of(rest_plan(path="/a/%2e{{v}}"), v=".")

    @pytest.mark.parametrize(
        "path", ["/a?b={{c}}", "/a#b", "/a b", "/a\\b", "/a/../b", "/./a", "/%2e%2e/a", "/é", "/a\n", "/%zz"]
    )
    def test_the_authors_own_path_is_checked(self, path: str) -> None:
        compiled = rest(path=path)
        assert compiled.problems
        assert all(problem.path == "configuration.path" and problem.line for problem in compiled.problems)

    def test_a_binding_that_looks_like_dots_is_no_path(self) -> None:
        assert request_of(rest_plan(path="/{{ a/../b }}"), **{"a/../b": "c"}).path == "/c"


class TestQueryHeadersAndForms:
    def test_pairs_are_decoded_and_stay_pairs(self) -> None:
        plan = rest_plan(query=[{"name": "q{{n}}", "value": "a{{v}}"}, {"name": "q", "value": "{{v}}"}])
        assert request_of(plan, v="x&y=z#", n=1).query == (("q1", "ax&y=z#"), ("q", "x&y=z#"))

    @pytest.mark.parametrize("value", ["a\rb", "a\nb", "a\x00", "a\x7f", "é", "\x1b"])
    def test_a_header_takes_printable_ascii(self, value: str) -> None:
        plan = rest_plan(headers=[{"name": "X-A", "value": "v {{v}}"}])
        assert request_of(plan, v="a\tb").headers == (("X-A", "v a\tb"),)
        with pytest.raises(ParameterInvalid, match=r"\{\{v\}\}: expected printable ASCII"):
            request_of(plan, v=value)

    @pytest.mark.parametrize("name", ["{{x}}", "a b", "a:b", "é", "a\n"])
    def test_a_headers_name_is_the_authors(self, name: str) -> None:
        compiled = rest(headers=[{"name": name, "value": "1"}])
        assert {problem.path for problem in compiled.problems} == {"configuration.headers[0].name"}

    def test_the_authors_own_header_is_checked(self) -> None:
        compiled = rest(headers=[{"name": "a", "value": "é{{x}}"}])
        assert [problem.path for problem in compiled.problems] == ["configuration.headers[0].value"]

    def test_a_form_and_a_text_take_values_as_they_are(self) -> None:
        form = rest_plan(method="POST", bodyType="form", body=[{"name": "a", "value": "{{v}}"}])
        assert request_of(form, v="x&y").form == (("a", "x&y"),)
        text = rest_plan(method="POST", bodyType="text", body="<a>{{v}}</a>\r\n{{w}}")
        assert request_of(text, v="é&", w=[1, {"a": None}]).body == '<a>é&</a>\r\n[1,{"a":null}]'.encode()

    def test_null_is_nothing_in_a_text(self) -> None:
        assert request_of(rest_plan(query=[{"name": "a", "value": "b{{v}}"}]), v=None).query == (("a", "b"),)

    def test_no_binding_stands_in_method_or_body_type(self) -> None:
        compiled = rest(method="{{m}}", bodyType="{{t}}")
        assert {problem.path for problem in compiled.problems} == {"configuration.method", "configuration.bodyType"}

    def test_every_problem_of_a_request_is_reported_at_once(self) -> None:
        plan = rest_plan(
            path="/{{a}}/{{b}}", headers=[{"name": "X", "value": "{{c}}"}, {"name": "Y", "value": "{{d}}"}]
        )
        with pytest.raises(ParameterInvalid) as caught:
            request_of(plan, a="ok", b="..", c="\n", d="\r")
        assert [problem.path for problem in caught.value.details] == ["params.b", "params.c", "params.d"]

    @pytest.mark.parametrize(("method", "writes"), [("GET", False), ("POST", True)])
    def test_a_method_that_is_not_safe_writes(self, method: str, writes: bool) -> None:
        plan = rest_plan(method=method)
        assert (plan.writes, plan.read_only) == (writes, not writes)
        refused = compile_action(REST, {"method": method}, [], read_only=True, allow_ddl=False)
        assert (refused.plan is None) is writes

    def test_an_empty_body_is_none(self) -> None:
        assert request_of(rest_plan(method="POST", bodyType="json", body=" ")).body is None
        assert request_of(rest_plan()) == HttpRequest(method="GET")


class TestJson:
    @pytest.mark.parametrize(
        ("text", "values", "sent"),
        [
            ('{"a": {{x}}}', {"x": "b"}, '{"a": "b"}'),
            ('{"a": "{{x}}"}', {"x": "b"}, '{"a": "b"}'),
            ('{"a": "{{x}}"}', {"x": 5}, '{"a": 5}'),
            ('{"a": {{x}}}', {"x": "5"}, '{"a": "5"}'),
            ('{"a": {{x}}}', {"x": Decimal("1.50")}, '{"a": 1.50}'),
            ('{"a": {{x}}}', {"x": None}, '{"a": null}'),
            ('{"a": {{x}}}', {"x": [1, {"b": "c"}]}, '{"a": [1,{"b":"c"}]}'),
            ("{{x}}", {"x": {"a": 1}}, '{"a":1}'),
            (' [ {{x}} ,\n\t"{{x}}" ] ', {"x": 1}, " [ 1 ,\n\t1 ] "),
            ('{"a": "x {{y}} z"}', {"y": 'quote " and \\ and \n'}, '{"a": "x quote \\" and \\\\ and \\n z"}'),
            ('{"a": "{{x}}{{y}}"}', {"x": 1, "y": None}, '{"a": "1"}'),
            ('{"a": "\\u00e9\\n{{x}}\\\\"}', {"x": "b"}, '{"a": "é\\nb\\\\"}'),
            ('{"a": "{{ {b: "}"}.b }}"}', {'{b: "}"}.b': 1}, '{"a": 1}'),
            ('{"keeps": 1.0e2, "a": {{x}}}', {"x": 1}, '{"keeps": 1.0e2, "a": 1}'),
        ],
    )
    def test_bodies(self, text: str, values: dict[str, Any], sent: str) -> None:
        assert body_of(text, **values) == sent

    def test_a_nul_is_refused_even_where_the_configuration_table_lets_it_through(self) -> None:
        template, problems = compile_json('"a\x00"', lambda name: Slot(name=name, source=Source.CLIENT), path="p")
        assert template is None
        assert [problem.message for problem in problems] == ["a NUL character stands in the text"]

    @given(JSON, JSON, TEXT)
    def test_values_enter_at_leaves_only(self, x: Any, y: Any, z: str) -> None:
        parsed = json.loads(body_of('{"a": {{x}}, "b": ["{{y}}", 1], "c": "<{{z}}>"}', x=x, y=y, z=z))
        assert parsed == {"a": x, "b": [y, 1], "c": f"<{z}>"}

    @pytest.mark.parametrize(
        ("text", "position"),
        [
            ("{{{a}}: 1}", None),
            ('{"{{a}}": 1}', (1, 3)),
            ('{"x{{a}}"\n : 1}', (1, 4)),
            ("{ {{a}} : 1}", (1, 3)),
            ('{"a": {{x}}{{y}}}', (1, 12)),
            ('{"a": {{x}}1}', (1, 12)),
            ('{"a":\n {{x}},}', (2, 8)),
            ('{"a": {{x}}', (1, 12)),
            ('{"a": "{{x}}', None),
            ('{"a": 1, "a": {{x}}}', (1, 1)),
            ('{"a": NaN}', (1, 1)),
            ("[" * 40 + "{{x}}" + "]" * 40, (1, 1)),
            ("[" * 100_000, None),
            ('{"a": "\\u12{{x}}"}', None),
        ],
    )
    def test_what_is_no_json_is_refused_where_it_stands(self, text: str, position: tuple[int, int] | None) -> None:
        configuration = {"method": "POST", "bodyType": "json", "body": text}
        wide = compile_action(REST, configuration, [], read_only=None, allow_ddl=False)
        assert wide.plan is None
        assert position is None or position in [(problem.line, problem.column) for problem in wide.problems]
        assert {problem.path for problem in wide.problems} == {"configuration.body"}

    @given(
        st.lists(
            st.sampled_from(['{"a":', "{{x}}", '"', "}", "]", "[", ",", "1", "\\", ' "{{y}}"', "\n", ":"]), max_size=10
        ).map("".join)
    )
    def test_compiling_never_raises_and_what_compiles_stays_json(self, text: str) -> None:
        compiled = rest(method="POST", bodyType="json", body=text)
        if compiled.plan is not None and text.strip():
            names = {name: ['"', {"b": None}] for name in compiled.plan.client_names}
            json.loads(request_of(compiled.plan, **names).body or b"")

    def test_declared_types_decide_how_a_value_is_written(self) -> None:
        plan = rest_plan(
            parameter("i", "integer"),
            parameter("j", "json"),
            parameter("b", "bytes"),
            parameter("l", "date", is_list=True),
            method="POST",
            bodyType="json",
            body='[{{i}}, {{j}}, {{b}}, {{l}}, "{{j}}"]',
        )
        body = request_of(plan, i="5", j='{"a":  1.50}', b="AAE=", l="2020-01-01").body
        assert body == b'[5, {"a":  1.50}, "AAE=", ["2020-01-01"], {"a":  1.50}]'


class Picky(Documents):
    def check_action(self, fields: Mapping[str, Any]) -> ActionCheck:
        assert fields["filter"]["a"] == Leaf(name="x", bound=False)
        paths: list[tuple[str | int, ...]] = [
            ("filter", "b", 1, "$where"),
            ("filter", "b", 0),
            ("filter", "a"),
            ("filter",),
            ("collection",),
        ]
        return ActionCheck(writes=False, problems=tuple(ActionProblem(path=path, message="no") for path in paths))


class TestDocuments:
    def test_values_are_values_at_leaves(self) -> None:
        compiled = compile_action(
            DOCUMENTS,
            {"collection": "people", "filter": '{"name": "{{n}}", "tags": [{{t}}, "a{{n}}"], "n": 1.50}'},
            [parameter("t", "json")],
            read_only=True,
            allow_ddl=False,
        )
        result = bound(plan_of(compiled), n={"$gt": ""}, t='{"a": 1.50}')
        assert isinstance(result.payload, Document)
        name = Leaf(name="n", value={"$gt": ""})
        within = Leaf(name="n", type=ParameterType.TEXT, value='{"$gt":""}')
        assert result.payload.fields == {
            "operation": "find",
            "collection": "people",
            "filter": {
                "name": name,
                "tags": [
                    Leaf(name="t", type=ParameterType.JSON, value={"a": Decimal("1.50")}),
                    Joined(parts=("a", within)),
                ],
                "n": Decimal("1.50"),
            },
        }
        assert plain_tree(result.payload.fields["filter"]) == {
            "name": {"$gt": ""},
            "tags": [{"a": Decimal("1.50")}, 'a{"$gt":""}'],
            "n": Decimal("1.50"),
        }

    @pytest.mark.parametrize(("operation", "writes"), [("find", False), ("insert", True)])
    def test_the_driver_says_what_writes(self, operation: str, writes: bool) -> None:
        configuration = {"operation": operation, "collection": "people"}
        plan = plan_of(compile_action(DOCUMENTS, configuration, [], read_only=None, allow_ddl=False))
        assert (plan.writes, plan.read_only) == (writes, not writes)
        refused = compile_action(DOCUMENTS, configuration, [], read_only=True, allow_ddl=False)
        assert [problem.path for problem in refused.problems] == (["readOnly"] if writes else [])

    def test_what_a_driver_finds_has_its_line_and_column(self) -> None:
        text = '{"a": {{x}},\n "b": [1, {"c": "{{x}}",\n   "$where": "1"}]}'
        compiled = compile_action(Picky(), {"filter": text}, [], read_only=None, allow_ddl=False)
        assert [(problem.path, problem.line, problem.column) for problem in compiled.problems] == [
            ("configuration.filter.b[1].$where", 3, 4),
            ("configuration.filter.b[0]", 2, 8),
            ("configuration.filter.a", 1, 2),
            ("configuration.filter", None, None),
            ("configuration.collection", None, None),
        ]

    def test_constants_take_no_bindings(self) -> None:
        compiled = compile_action(DOCUMENTS, {"collection": "{{c}}"}, [], read_only=None, allow_ddl=False)
        assert messages(compiled) == ["no binding can stand here"]


def test_missing_and_unfit_values_are_reported_together() -> None:
    plan = rest_plan(parameter("a", "integer"), path="/{{a}}/{{b}}")
    with pytest.raises(InvalidRequest) as caught:
        request_of(plan, a="x")
    assert [problem.path for problem in caught.value.details] == ["params.a", "params.b"]
