"""Any value that a browser may send, for what holds whatever it is."""

from typing import Any

from hypothesis import strategies as st

VALUES: Any = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(alphabet=st.characters(exclude_categories=["Cs"])),
    st.sampled_from(["' OR 1=1 --", "\\'; DROP TABLE t; --", "%_\\", "$1", "?1", "{{a}}", "\x00", "'||(SELECT 1)||'"]),
)
