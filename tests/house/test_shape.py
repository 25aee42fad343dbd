"""How our files look: a sentence first, nothing at module level that changes, rooms one can hold in one's head."""

import ast
import importlib
import inspect
import re
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

from tests.house.source import ROOT, Module, dotted, modules

SHIPPED: Final = tuple(modules())
EVERYTHING: Final = (*SHIPPED, *modules(folders=("tests", "docs", "bench")))

MUTABLE_CALLS: Final = frozenset(
    {"list", "dict", "set", "bytearray", "defaultdict", "OrderedDict", "deque", "Counter", "ContextVar", "count"}
)
IMMUTABLE_ANNOTATIONS: Final = ("Final", "Mapping", "Sequence", "ClassVar", "TypeAlias")
DUNDERS: Final = frozenset({"__all__", "__slots__"})


@pytest.mark.parametrize("module", EVERYTHING, ids=lambda module: module.path)
def test_a_module_opens_with_a_sentence(module: Module) -> None:
    docstring = ast.get_docstring(module.tree)
    assert docstring, f"{module.path}: say in one sentence what the module is for"
    first = docstring.splitlines()[0]
    assert first[0].isupper() or first[0] in "{*`" or not first[0].isalpha(), first
    # The sentence may run over the line; its first line is then followed by text, not by a blank line.
    paragraph = " ".join(docstring.split("\n\n")[0].split())
    assert paragraph.endswith((".", ":", "::", "?", "…")), f"{module.path}: {paragraph!r} is no sentence"


def changing_state(module: Module) -> Iterator[str]:
    """Yield names at module level that are bound to something one can change, without a promise not to."""
    for node in module.tree.body:
        if isinstance(node, ast.Assign):
            names, value, promised = [dotted(target) for target in node.targets], node.value, False
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            names, value = [dotted(node.target)], node.value
            promised = ast.unparse(node.annotation).rpartition(".")[2].startswith(IMMUTABLE_ANNOTATIONS)
        else:
            continue
        literal = isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp)
        called = isinstance(value, ast.Call) and dotted(value.func).rpartition(".")[2] in MUTABLE_CALLS
        if (literal or called) and not promised:
            yield from (name for name in names if name not in DUNDERS)


@pytest.mark.parametrize("module", SHIPPED, ids=lambda module: module.path)
def test_nothing_at_module_level_changes(module: Module) -> None:
    assert not list(changing_state(module)), f"{module.path}: annotate it Final or Mapping, or give it an owner"
    changed = [node.lineno for node in ast.walk(module.tree) if isinstance(node, ast.Global)]
    assert not changed, f"{module.path}: global at {changed}"


@pytest.mark.parametrize("source", ["X = []", "X = {}", "X: dict[str, int] = {}", "X = set()", "X = [i for i in y]"])
def test_planted_state_is_found(source: str) -> None:
    assert list(changing_state(Module(path="x.py", text=source)))


PUBLIC: Final = ("appsmith_proxy.sdk", "appsmith_proxy.testing", "appsmith_proxy.sdk.hooks", "appsmith_proxy.errors")


def undocumented(module: ModuleType) -> Iterator[str]:
    """Yield public names without a docstring: classes, functions, and their public methods."""
    names = getattr(module, "__all__", None) or [
        name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__
    ]
    for name in names:
        value = getattr(module, name)
        if name.startswith("_") or not (inspect.isclass(value) or inspect.isfunction(value)):
            continue
        if not _own_docstring(value):
            yield name
        if inspect.isclass(value):
            yield from (f"{name}.{method}" for method in _undocumented_methods(value))


def _undocumented_methods(owner: type) -> Iterator[str]:
    for name, value in vars(owner).items():
        function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        # An override says what its base says; pytest's tests of the kit say it in their names.
        inherited = any(name in vars(base) for base in owner.__mro__[1:])
        if name.startswith(("_", "test_")) or inherited or not inspect.isfunction(function):
            continue
        if not function.__doc__:
            yield name


def _own_docstring(value: object) -> bool:
    # A dataclass without a docstring is given its signature, which says nothing.
    text = inspect.getdoc(value) or ""
    return bool(text) and not text.startswith(f"{getattr(value, '__name__', '')}(")


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_have_docstrings(name: str) -> None:
    missing = list(undocumented(importlib.import_module(name)))
    assert not missing, f"{name}: {', '.join(missing)}"


def test_rooms_are_small(record_property: Callable[[str, object], None]) -> None:
    """A report, not a law: but one room of thousands of lines is what every house regrets."""
    sizes = {module.path: module.text.count("\n") for module in SHIPPED}
    small = sum(size <= 300 for size in sizes.values()) / len(sizes)
    median = statistics.median(sizes.values())
    record_property("median lines", median)
    record_property("share up to 300 lines", round(small, 3))
    assert small >= 0.85, f"{small:.0%} of the modules have at most 300 lines"
    assert median <= 200
    assert max(sizes.values()) < 1_000, max(sizes, key=lambda path: sizes[path])


IGNORE: Final = re.compile(r"# (?:type: ignore\[([a-z-]+)[^\]]*\]|no" + r"qa: ([A-Z]+[0-9]+)[A-Z0-9, ]*)(.*)")


def test_ignores_carry_their_reason() -> None:
    """Words stand behind the first of its kind in a file; the others of the kind mean the same."""
    bare: list[str] = []
    for module in EVERYTHING:
        explained: set[str] = set()
        for number, line in enumerate(module.text.splitlines(), 1):
            found = IGNORE.search(line)
            if found is None:
                continue
            code = found[1] or found[2]
            if re.search(r"[A-Za-z]{2}", found[3]):
                explained.add(code)
            elif code not in explained:
                bare.append(f"{module.path}:{number}")
    assert not bare, ", ".join(bare)


def test_packages_are_typed_and_listed() -> None:
    """A package that setup.cfg forgets is missing at the user's and nowhere else."""
    listed = (ROOT / "setup.cfg").read_text(encoding="utf-8").partition("package_dir")[0]
    for module in SHIPPED:
        if not module.path.endswith("/__init__.py"):
            continue
        package = Path(module.path).parent
        name = ".".join(package.parts[1:] if package.parts[0] == "plugins" else package.parts)
        assert f"\n    {name}\n" in listed, f"setup.cfg does not list {name}"
        if package.parent.name in ("plugins", ""):
            assert (ROOT / package / "py.typed").exists()
