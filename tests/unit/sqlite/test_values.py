"""Values are read once, however long and however wrong they are."""

import pytest

from appsmith_proxy.sdk import Parameter, ParameterInvalid, ParameterType
from appsmith_proxy_sqlite.values import native_values


@pytest.mark.parametrize("kind", [ParameterType.DECIMAL, ParameterType.FLOAT])
def test_a_long_text_that_is_no_number_is_refused_at_once(kind: ParameterType) -> None:
    with pytest.raises(ParameterInvalid):  # by the square of its length it would take hours
        native_values([Parameter(name="x", type=kind)], ["1" * 500_000 + "x"])
