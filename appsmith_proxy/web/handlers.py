"""What each route does: ask the room that knows, show what it answers. No decisions here."""

from collections.abc import Callable, Mapping
from typing import Any

from appsmith_proxy.errors import InternalError
from appsmith_proxy.web import answers, answers_datasources, answers_plans
from appsmith_proxy.web.models import Wire
from appsmith_proxy.web.parsing import given
from appsmith_proxy.web.route import Call, Handler, Pieces
from appsmith_proxy.web.services import Services, Verbs
from appsmith_proxy.web.statuses import Refused

NOTHING: Pieces = (b"null",)

VerbsOf = Callable[[Services], Verbs[Any]]
Show = Callable[[Any], Wire]


def shown(answer: Wire) -> Pieces:
    """Return an answer as JSON text."""
    return (answer.model_dump_json().encode(),)


async def view(services: Services, call: Call) -> Pieces:
    """List published actions for a viewer's front end."""
    summaries = await services.catalog.actions.view(call.caller, call.query.application_id)
    rows = [answers.ActionViewAnswer.of(summary).model_dump_json().encode() for summary in summaries]
    return (b"[", b",".join(rows), b"]")


async def publish(services: Services, call: Call) -> Pieces:
    """Publish an application."""
    return shown(answers.PublishAnswer.of(await services.catalog.applications.publish(call.caller, call.record_id)))


async def compile_action(services: Services, call: Call) -> Pieces:
    """Explain an action that is not saved."""
    return shown(answers_plans.PlanAnswer.of(await services.catalog.plans.compile(call.caller, values_of(call.body))))


async def check_plans(services: Services, call: Call) -> Pieces:
    """Look at every published plan of a workspace."""
    return shown(answers_plans.PlanChecksAnswer.of(await services.catalog.plans.check(call.caller, call.record_id)))


async def test(services: Services, call: Call) -> Pieces:
    """Try a stored datasource."""
    return shown(
        answers_datasources.ProbeAnswer.of(await services.catalog.datasources.test(call.caller, call.record_id))
    )


async def test_new(services: Services, call: Call) -> Pieces:
    """Try a datasource before it is stored."""
    return shown(
        answers_datasources.ProbeAnswer.of(
            await services.catalog.datasources.test_new(call.caller, values_of(call.body))
        )
    )


async def structure(services: Services, call: Call) -> Pieces:
    """Describe what a datasource holds."""
    found = await services.catalog.datasources.structure(
        call.caller, call.record_id, path=tuple(call.query.path), page=call.query.page
    )
    return shown(answers_datasources.StructureAnswer.of(found))


async def plugins(services: Services, call: Call) -> Pieces:
    """List kinds of datasources and what became of each plugin."""
    return shown(answers_datasources.PluginsAnswer.of(services.registry.drivers(), services.registry.report()))


async def me(services: Services, call: Call) -> Pieces:
    """Say who is calling."""
    return shown(answers.MeAnswer.of(call.caller))


async def live(services: Services, call: Call) -> Pieces:
    """Say that the process answers."""
    return shown(answers.HealthAnswer(status="live"))


async def ready(services: Services, call: Call) -> Pieces:
    """Say that requests can be served."""
    if call.draining:
        raise Refused(503, InternalError("the server is about to stop"))
    await services.ready()
    return shown(answers.HealthAnswer(status="ready"))


def create(verbs: VerbsOf, show: Show) -> Handler:
    """Make the handler that creates a record."""

    async def handler(services: Services, call: Call) -> Pieces:
        return shown(show(await verbs(services).create(call.caller, values_of(call.body))))

    return handler


def list_page(verbs: VerbsOf, show: Show) -> Handler:
    """Make the handler that lists records."""

    async def handler(services: Services, call: Call) -> Pieces:
        asked = call.query.model_dump(exclude_none=True, by_alias=False)
        after, limit = asked.pop("after"), asked.pop("limit")
        page = await verbs(services).list(call.caller, where=asked, after=after, limit=limit)
        return shown(answers.PageAnswer[Any](items=[show(item) for item in page.items], next=page.next))

    return handler


def read(verbs: VerbsOf, show: Show) -> Handler:
    """Make the handler that reads a record."""

    async def handler(services: Services, call: Call) -> Pieces:
        return shown(show(await verbs(services).get(call.caller, call.record_id)))

    return handler


def patch(verbs: VerbsOf, show: Show) -> Handler:
    """Make the handler that changes a record."""

    async def handler(services: Services, call: Call) -> Pieces:
        changed = await verbs(services).patch(
            call.caller, call.record_id, revision=call.body.revision, values=_declared(given(call.body))
        )
        return shown(show(changed))

    return handler


def delete(verbs: VerbsOf) -> Handler:
    """Make the handler that deletes a record."""

    async def handler(services: Services, call: Call) -> Pieces:
        await verbs(services).delete(call.caller, call.record_id)
        return NOTHING

    return handler


def values_of(body: Wire) -> dict[str, Any]:
    """Return a new record's fields by their snake_case names, defaults filled in."""
    return _declared({name: getattr(body, name) for name in type(body).model_fields})


def _declared(values: Mapping[str, Any]) -> dict[str, Any]:
    """Put the declared parameters into the proxy's own words."""
    changed = dict(values)
    if changed.get("parameters") is not None:
        changed["parameters"] = tuple(parameter.declared() for parameter in changed["parameters"])
    return changed
