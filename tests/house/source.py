"""Our own source as syntax trees: what the house's rules look at."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
SHIPPED: Final = ("appsmith_proxy", "plugins")
"""What is installed at a user's: the rules are about these folders."""


@dataclass(frozen=True, kw_only=True)
class Module:
    """One file."""

    path: str
    """Relative to the root that was searched, with slashes."""
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """Parsed when a rule looks: every worker of a run lists the files, and only one checks them."""
        return ast.parse(self.text)


def modules(root: Path = ROOT, folders: tuple[str, ...] = SHIPPED) -> Iterator[Module]:
    """Yield every Python file of the folders, in order."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            yield Module(path=path.relative_to(root).as_posix(), text=path.read_text(encoding="utf-8"))


def imported(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield every imported name in full, ``a.b.c`` for ``from a.b import c``, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def dotted(node: ast.AST) -> str:
    """Return ``a.b.c`` for such an expression; what is no name in it is ``?``."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return "?"
