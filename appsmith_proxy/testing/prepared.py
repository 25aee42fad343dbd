"""The prepared execution suite: hostile values are values, in every place, and the statement stays what it was."""

from collections.abc import Iterator
from itertools import islice

from appsmith_proxy.sdk import Client, DatasourceError, Outcome
from appsmith_proxy.testing.corpus import CLASSES, texts
from appsmith_proxy.testing.harness import Part
from appsmith_proxy.testing.rig import Rig
from appsmith_proxy.testing.suite import Suite, needs

_SHOWN = 3
"""How many of the failures are told; there are often hundreds of one kind."""


class PreparedSuite(Suite):
    """The injection corpus (``corpus.json``) against every place where a value can stand."""

    async def test_prepared_values_come_back_unchanged(self, rig: Rig) -> None:
        client = await rig.open()
        wrong = [
            f"{name}, {place}: {text[:60]!a}: {found}"
            for name in CLASSES
            for place in rig.harness.echo_places
            for text in _texts(rig, name)
            if (found := await _trial(rig, client, text, place))
        ]
        assert not wrong, f"{len(wrong)} values: " + "; ".join(wrong[:_SHOWN])

    @needs(Part.LOG)
    async def test_prepared_statement_never_changes(self, rig: Rig) -> None:
        """However different the values, the server is sent the texts that it knows already."""
        client = await rig.open(max_connections=1)
        for _ in range(3):  # whatever is sent around a statement has been sent by then
            await rig.echo(client, "plain")
        known = set(await rig.harness.statement_log())
        for text in ("'", "kit_value_4711", "1; SELECT 2", "\\", "NULL", "12", "x" * 5_000, "é"):
            await rig.echo(client, text)
        new = set(await rig.harness.statement_log()) - known
        assert not [line for line in new if "kit_value_4711" in line], "a value stands in the statement's text"
        assert not new, "the statement's text depends on the value"

    @needs(Part.WRITES)
    async def test_prepared_values_have_no_effect(self, rig: Rig) -> None:
        client = await rig.open()
        await rig.execute(client, rig.harness.write(3))
        for name in ("quotes", "comments", "statement_ends", "conditions"):
            for text in _texts(rig, name):
                await _trial(rig, client, text, rig.harness.echo_places[0])
        assert await rig.count(client) == 3, "a value did something to the fixture's rows"


def _texts(rig: Rig, name: str) -> Iterator[str]:
    return islice(texts(name), 0, None, rig.harness.corpus_step)


async def _trial(rig: Rig, client: Client, text: str, place: str) -> str:
    """Send one text; return what is wrong with the answer, or ``""``."""
    refused = rig.harness.refuses(text, place=place)
    try:
        found = await rig.echo(client, text, place=place)
    except DatasourceError as error:
        if not refused:
            return f"refused with {error.code}"
        return "" if error.outcome is not Outcome.UNKNOWN else "refused, but the outcome is unknown"
    except Exception as error:  # noqa: BLE001  # reason: what leaves a driver is what is tested
        return f"the driver let a {type(error).__name__} out"
    if refused:
        return "accepted, where the harness says it cannot be held"
    if found != text or type(found) is not str:
        return f"came back as {str(found)[:60]!a}"
    return ""
