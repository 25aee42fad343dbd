"""Select the statement of a set that a caller's values ask for, then bind it.

What decides is which values were sent, and which allowed spelling a choice equals::

    block   none of its values sent: left out │ all sent, or the others have defaults: in │ else: what is missing is named
    choice  the position of the spelling that was sent, or of the default

``""`` counts as not sent for a binding of a block, unless its declaration says otherwise: front ends send it for nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, final

from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.model.plan import Axis, AxisKind, StatementSet
from appsmith_proxy.sdk import ParameterType, Value, json_text
from appsmith_proxy.template.readers import Trouble
from appsmith_proxy.template.variants import index_of

Sent = Callable[[str], bool]


@final
class Selector:
    """Selects among the statements of one set. Stateless between executions."""

    __slots__ = ("_axes", "_choices", "_parameters")

    def __init__(self, payload: StatementSet, parameters: Mapping[str, DeclaredParameter]) -> None:
        self._axes = payload.axes
        self._parameters = parameters
        self._choices = {
            axis.names[0]: _Choice.of(axis, parameters[axis.names[0]])
            for axis in payload.axes
            if axis.kind is AxisKind.CHOICE
        }

    def select(self, values: Mapping[str, Value]) -> tuple[int, list[Trouble]]:
        """Return which statement is asked for, and everything that keeps it from being told."""
        troubles: list[Trouble] = []
        positions: list[int] = []

        def sent(name: str) -> bool:
            return self._sent(name, values)

        for axis in self._axes:
            position = 0
            try:
                if axis.kind is AxisKind.BLOCK:
                    position = self._block(axis, sent)
                elif not axis.within or any(positions[block] for block in axis.within):
                    position = self._choices[axis.names[0]].position(values, sent)
            except Trouble as trouble:
                troubles.append(trouble)
            positions.append(position)
        return index_of(self._axes, positions), troubles

    def _block(self, axis: Axis, sent: Sent) -> int:
        given = [name for name in axis.names if sent(name)]
        if not given:
            return 0
        missing = [name for name in axis.names if name not in given and not self._has_default(name)]
        if missing:
            others = ", ".join(f"{{{{{name}}}}}" for name in given)
            raise Trouble(
                missing[0],
                f"a value is missing: the optional block takes it together with {others}",
                "send all values of a block, or none",
                missing=True,
            )
        return 1

    def _has_default(self, name: str) -> bool:
        declared = self._parameters.get(name)
        return declared is not None and declared.has_default

    def _sent(self, name: str, values: Mapping[str, Value]) -> bool:
        if name not in values:
            return False
        declared = self._parameters.get(name)
        keeps_empty = declared is not None and declared.empty_is_absent is False
        return values[name] != "" or keeps_empty


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """What a name or keyword may be."""

    name: str
    positions: Mapping[str, int]
    default: int | None
    any_case: bool

    @classmethod
    def of(cls, axis: Axis, declared: DeclaredParameter) -> "_Choice":
        any_case = declared.type is ParameterType.KEYWORD
        positions = {(option.upper() if any_case else option): position for position, option in enumerate(axis.options)}
        default = declared.choices.index(declared.default) if declared.has_default else None
        return cls(name=declared.name, positions=positions, default=default, any_case=any_case)

    def position(self, values: Mapping[str, Value], sent: Sent) -> int:
        """Return which choice was sent.

        Raises:
            Trouble: none was, or none that is allowed.
        """
        if not sent(self.name):
            if self.default is None:
                raise Trouble(
                    self.name, "a value is missing", f"send it in params as {json_text(self.name)}", missing=True
                )
            return self.default
        value = values[self.name]
        found = self.positions.get(self._as_listed(value)) if isinstance(value, str) else None
        if found is None:
            raise Trouble(self.name, _EXPECTED)
        return found

    def _as_listed(self, value: str) -> str:
        """Return a keyword in the case of the list; other letters than ASCII's have none there (``ſ`` is no ``S``)."""
        return value.upper() if self.any_case and value.isascii() else value


_EXPECTED: Final = "expected one of the spellings that the action allows"
