"""Only exact trusted names are trusted, and nothing else may reach for the caller's identity."""

import pytest

from appsmith_proxy.model.plan import Source
from appsmith_proxy.model.trusted import TRUSTED_NAMES
from appsmith_proxy.template import bindings_of, compile_action
from appsmith_proxy.template.names import refusal, source_of
from tests.unit.template.drivers import REST, compile_sql_action, messages


@pytest.mark.parametrize("name", TRUSTED_NAMES)
def test_exact_names_are_trusted(name: str) -> None:
    assert refusal(name) is None
    assert source_of(name) is Source.TRUSTED


@pytest.mark.parametrize(
    "name",
    [
        "appsmith.user.email.toLowerCase()",
        "appsmith.user",
        "appsmith.user.phone",
        "appsmith.workspace",
        "appsmith.workspace.id + 1",
        "appsmith.environment.length",
        "appsmith . user . email",
        "appsmith?.user?.email",
        "appsmith\n.user.email",
        "appsmith/* a */./* b */user.email",
        "appsmith // a\n.user",
        'appsmith["user"].email',
        "appsmith['us' + 'er']",
        "appsmith[`user`]",
        "appsmith[key]",
        "(({user}) => user.email)(appsmith)",
        "JSON.stringify(appsmith)",
        "{...appsmith}",
        "window.appsmith.user.email",
        "`${appsmith.user.email}`",
        r"\u0061ppsmith.user.email",
        r"\u{61}ppsmith.user.email",
        "Input1.text || appsmith.user.email",
        "'appsmith.user.email'",
        "appsmith.valueOf().user.email",
        "appsmith.__proto__",
        "window['appsmith']['us' + 'er']",
        "globalThis[`appsmith`].store",
        "/* ' */ appsmith[key] /* ' */",
        "/'/.test(a) ? appsmith[key] : '/'",
        "`'` + appsmith[key] + `'`",
    ],
)
def test_other_ways_to_the_caller_are_refused(name: str) -> None:
    found = refusal(name)
    assert found is not None
    assert "forge" in found[0]
    assert "{{appsmith.user.email}}" in found[1]


@pytest.mark.parametrize(
    "name",
    [
        "Input1.text",
        "appsmith.store.user",
        "appsmith.URL.queryParams.id",
        "appsmith.mode",
        "appsmith.theme.colors",
        "appsmith.geolocation",
        "'made with appsmith'",
        "myappsmith.user",
        "appsmithUser",
        "user.email",
        "appsmith.users",
    ],
)
def test_ordinary_names_are_the_clients(name: str) -> None:
    assert refusal(name) is None
    assert source_of(name) is Source.CLIENT


def test_a_name_is_refused_wherever_it_stands() -> None:
    sql = compile_sql_action("SELECT 1 /* {{appsmith.user.x}} */ WHERE a = '{{ }}'")
    assert sum("forge" in message for message in messages(sql)) == 1
    assert "the binding is empty" in messages(sql)
    rest = compile_action(
        REST,
        {"path": "/{{appsmith.user.x}}", "query": [{"name": "q", "value": "{{appsmith.user['id']}}"}]},
        [],
        read_only=None,
        allow_ddl=False,
    )
    assert [problem.path for problem in rest.problems] == ["configuration.path", "configuration.query"]


def test_bindings_are_listed_once_in_order_with_their_source() -> None:
    found = bindings_of({"body": "{{b}} {{ a }} {{b}} {{appsmith.user.id}} {{}}"})
    assert [(binding.name, binding.source) for binding in found] == [
        ("b", Source.CLIENT),
        ("a", Source.CLIENT),
        ("appsmith.user.id", Source.TRUSTED),
    ]
