"""{{ bindings }}: tokenizer, compiler and binder. Pure: no I/O, no time, no randomness.

::

    configuration ──compile_action──▶ Plan (finite texts, slots with rules) ──bind(values)──▶ Bound (payload, values)
                  └─▶ problems, all at once, each with line and column
"""

from appsmith_proxy.template.binder import Bound, bind
from appsmith_proxy.template.canonical import canonical_bytes
from appsmith_proxy.template.compiler import Compiled, bindings_of, compile_action
from appsmith_proxy.template.parameters import check_declarations
from appsmith_proxy.template.readers import Trusted
from appsmith_proxy.template.variants import representatives

__all__ = [
    "Bound",
    "Compiled",
    "Trusted",
    "bind",
    "bindings_of",
    "canonical_bytes",
    "check_declarations",
    "compile_action",
    "representatives",
]
