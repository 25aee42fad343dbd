"""The values suite: what the datasource holds is what comes out, exactly, typed by the column and not by its looks."""

import base64
import math

import orjson

from appsmith_proxy.sdk import Capability, Cell, Column, ColumnType, EncodedRows
from appsmith_proxy.testing.cells import broken_rules, same
from appsmith_proxy.testing.harness import Part
from appsmith_proxy.testing.rig import Rig
from appsmith_proxy.testing.suite import Suite, needs

_FEW = 8
"""A matrix of fewer cases than this is none."""


class ValuesSuite(Suite):
    """The harness's matrix by type, and the shape of rows."""

    async def test_values_are_exact(self, rig: Rig) -> None:
        client = await rig.open()
        cases = rig.harness.value_cases()
        assert len(cases) >= _FEW, "the matrix needs each type of the datasource, with its ends and NULL"
        wrong: list[str] = []
        for case in cases:
            result = await rig.execute(client, case.call, encode=False)
            found = rig.harness.echoed(result)
            if not same(case.expected, found):
                wrong.append(f"{case.name}: expected {case.expected!r}, got {found!r}")
            if case.type is not None and result.columns[0].type is not case.type:
                wrong.append(f"{case.name}: expected a column of type {case.type}, got {result.columns[0].type}")
        assert not wrong, "; ".join(wrong)

    async def test_values_fit_their_columns(self, rig: Rig) -> None:
        client = await rig.open()
        broken = [
            f"{case.name}: {rule}"
            for case in rig.harness.value_cases()
            for rule in broken_rules(await rig.execute(client, case.call, encode=False))
        ]
        assert not broken, "; ".join(broken)

    @needs(Part.DUPLICATES)
    async def test_values_duplicate_columns_are_numbered(self, rig: Rig) -> None:
        client = await rig.open()
        result = await rig.execute(client, rig.harness.duplicates(), encode=False)
        first, middle, last = (column.name for column in result.columns)
        assert last == f"{first}_2", "the second column of a name is numbered: use sdk.unique_names"
        assert middle not in (first, last)
        assert result.messages, "a message tells the author that a column was renamed"
        assert not broken_rules(result)

    @needs(Capability.ENCODED_ROWS)
    async def test_values_are_the_same_when_the_datasource_encodes(self, rig: Rig) -> None:
        client = await rig.open()
        wrong: list[str] = []
        for case in rig.harness.value_cases():
            plain = await rig.execute(client, case.call, encode=False)
            encoded = await rig.execute(client, case.call, encode=True)
            if plain.columns != encoded.columns:
                wrong.append(f"{case.name}: the columns differ")
            elif isinstance(encoded.rows, EncodedRows) and plain.columns:
                text = encoded.rows.texts[0]
                if orjson.loads(text) != {plain.columns[0].name: _wire(plain.columns[0], rig.harness.echoed(plain))}:
                    wrong.append(f"{case.name}: the values differ")
        assert not wrong, "; ".join(wrong)


def _wire(column: Column, cell: Cell) -> object:
    """Return what JSON shows of a cell: written out again here, so that no encoder is its own judge."""
    match cell:
        case None | bool():
            return cell
        case int():
            return cell if abs(cell) < 1 << 53 else str(cell)
        case float():
            return cell if math.isfinite(cell) else str(cell).replace("inf", "Infinity").replace("nan", "NaN")
        case _ if column.type is ColumnType.JSON:
            return orjson.loads(cell)
        case bytes():
            return base64.b64encode(cell).decode()
        case _:
            return cell
