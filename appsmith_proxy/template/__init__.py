"""{{ bindings }}: tokenizer, compiler and binder. Pure: no I/O, no time, no randomness.

::

    configuration ──compile_action──▶ Plan (finite texts, slots with rules) ──bind(values)──▶ Bound (payload, values)
                  └─▶ problems, all at once, each with line and column
"""

from appsmith_proxy.template.binder import Bound, bind
from appsmith_proxy.template.canonical import canonical_bytes
from appsmith_proxy.template.compiler import Compiled, bindings_of, compile_action
from appsmith_proxy.template.effort import takes_long
from appsmith_proxy.template.explaining import ExplainedStep, Spot, described, explain, origin_of, sql_texts
from appsmith_proxy.template.names import AFFECTED
from appsmith_proxy.template.parameters import check_declarations
from appsmith_proxy.template.readers import NO_RESULT, Trusted
from appsmith_proxy.template.stepwise import stepwise
from appsmith_proxy.template.variants import combinations, representatives

__all__ = [
    "AFFECTED",
    "NO_RESULT",
    "Bound",
    "Compiled",
    "ExplainedStep",
    "Spot",
    "Trusted",
    "bind",
    "bindings_of",
    "canonical_bytes",
    "check_declarations",
    "combinations",
    "compile_action",
    "described",
    "explain",
    "origin_of",
    "representatives",
    "sql_texts",
    "stepwise",
    "takes_long",
]
