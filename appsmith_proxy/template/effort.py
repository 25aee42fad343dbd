"""Judge before an action is compiled whether that can take long, so that who serves others meanwhile does it in a thread."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.template.blocks import MAX_BLOCKS
from appsmith_proxy.template.choosers import is_chooser
from appsmith_proxy.template.tokenizer import texts_of

LONG: Final = 8_192
"""Characters of all texts together: above, reading them takes long."""
MANY: Final = 8
"""Statements: above, finishing and reading them takes long. The worst, 4,096, is about half a second."""


def takes_long(configuration: Mapping[str, Any], parameters: Sequence[DeclaredParameter]) -> bool:
    """Return whether compiling can take more than some milliseconds. Reads nothing but lengths and brackets, and rather
    says yes: brackets may be in quotes, and what is declared need not be used."""
    texts = tuple(texts_of(configuration))
    if sum(map(len, texts)) > LONG:
        return True
    if any(one.pattern is not None for declared in parameters for one in (declared, *declared.fields)):
        return True  # a short pattern may have a thousand positions
    chosen = math.prod(max(len(declared.choices), 1) for declared in parameters if is_chooser(declared))
    return sum(chosen << min(text.count("[["), MAX_BLOCKS) for text in texts) > MANY
