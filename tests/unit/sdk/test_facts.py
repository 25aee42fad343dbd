"""How long facts of a statement are believed, and who reads them again."""

import pytest

from appsmith_proxy.sdk import Facts, Lane, Statement
from tests.servers.memory_wire import MemoryWire

_STATEMENT = Statement(text="SELECT 1")


@pytest.mark.parametrize("harmless", [True, False])
async def test_facts_are_believed_for_a_while_and_read_again_by_one(*, harmless: bool) -> None:
    async def ask(_wire: MemoryWire, _statement: Statement) -> bool:
        return harmless

    facts: Facts[MemoryWire] = Facts(ask)
    wire = MemoryWire(Lane.READ_WRITE, [])
    assert facts.harmless(_STATEMENT, 100.0) is None, "nothing is known: read it"
    assert facts.harmless(_STATEMENT, 100.1) is False, "by one connection, and nothing is believed until then"
    await facts.read(wire, _STATEMENT, 100.0)
    assert facts.harmless(_STATEMENT, 101.0) is harmless, "they are read again only after a while"
    assert facts.harmless(_STATEMENT, 104.0) is None, "and before they are believed no more"
    assert facts.harmless(_STATEMENT, 104.1) is harmless, "by one connection, while the others still believe them"
    assert facts.harmless(_STATEMENT, 200.0) is None, "and by another when that one did not come back"
    assert facts.harmless(_STATEMENT, 200.1) is False, "facts are believed for a short while only"
    assert facts.harmless(Statement(text="SELECT 2"), 101.0) is None, "of one statement"
