"""The rows of an action's configuration that SQL drivers share: one statement, or several in one transaction."""

from typing import Final

from appsmith_proxy.sdk.fields import ActionField, FieldType, Place

_LONGEST: Final = 100_000

SQL_STATEMENT: Final = ActionField(
    name="body",
    type=FieldType.MULTILINE,
    label="Statement",
    help="One statement; {{ bindings }} are its values, [[ ]] makes a part optional.",
    max_length=_LONGEST,
    place=Place.SQL,
)
"""What an action of a SQL driver holds, unless it holds steps."""

SQL_STEPS: Final = ActionField(
    name="steps",
    type=FieldType.STEPS,
    label="Steps",
    help="Instead of one statement: several, in order, in one transaction. {{ steps.name.column }} is a result of an earlier one.",
    max_length=_LONGEST,
    place=Place.SQL,
)
"""For drivers that declare ``Capability.TRANSACTIONS``."""
