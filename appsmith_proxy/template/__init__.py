"""{{ bindings }}: tokenizer, compiler and binder. Pure: no I/O, no time, no randomness.

::

    configuration ──compile_action──▶ Plan (finite texts, slots with rules) ──bind(values)──▶ Bound (payload, values)
                  └─▶ problems, all at once, each with line and column

Which module does what, in the order of the work::

    compiler      each field to its place; steps: what several statements must be together; names: who fills a binding in
      sql         one text: tokenizer ▶ blocks ▶ lexer ▶ choosing ▶ clauses ▶ statements (what it is, and whether it may be)
        places    whether a value can stand where a binding stands, by what is around it (neighbours)
        placing   what is written there (lists, like, operands) ▶ placed, splicing: the finished statement
        variants  one statement for each combination of blocks and choices
      json_context, text_context     fields that are no SQL
    parameters    declarations (choosers: of names and keywords) and their rules: coercion, linear and its expressions
    binder        readers: a value for each name ▶ selecting: which statement ▶ writers, sizes, rows: what is bound
      stepwise    the same, a step at a time;  requests: the payloads that are no SQL
    canonical     a plan's bytes;  explaining: a plan for its author;  effort: whether compiling can take long
"""

from appsmith_proxy.template.binder import Binder, Bound, bind, binder_of
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
    "Binder",
    "Bound",
    "Compiled",
    "ExplainedStep",
    "Spot",
    "Trusted",
    "bind",
    "binder_of",
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
