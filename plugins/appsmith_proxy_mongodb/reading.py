"""Reading values in an action's trees: what the author wrote, and bound values, which stay values.

The same reading checks an action when it is saved, without values, and makes what is sent when it runs. A value never
becomes an operator, a field's name, a field path or a stage; only one that is declared as ``json`` may be a condition of
a filter, and even that holds comparisons only.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final, TypeAlias

from bson import Regex

from appsmith_proxy.sdk import ActionProblem, Joined, Leaf, ParameterType
from appsmith_proxy_mongodb import operators
from appsmith_proxy_mongodb.operators import Kind
from appsmith_proxy_mongodb.values import WRAPPERS, Misfit, of_type, scalar, wrapper_of

Path: TypeAlias = tuple[str | int, ...]

MAX_DEPTH: Final = 64
BIND_VALUES: Final = "write the keys, and bind their values"
_SPECIAL: Final = frozenset("\\^$.|?*+()[]{}-#/ \t\r\n\f\v")


class Values:
    """One reading of one action. ``problems`` are the author's, ``misfits`` the caller's, by binding."""

    def __init__(self, *, writes: bool = False) -> None:
        self.problems: list[ActionProblem] = []
        self.misfits: list[tuple[str, Misfit]] = []
        self.writes = writes
        self.within: Leaf | None = None
        """The bound value whose own parts are read now."""
        self._depth = 0

    def read(self, kind: Kind, node: Any, path: Path) -> Any:
        """Return a tree as BSON has it, read as one kind of argument."""
        raise NotImplementedError

    def data(self, node: Any, path: Path) -> Any:
        """Read values: what the author wrote, with bound values at leaves."""
        match node:
            case Leaf():
                return self.value(node)
            case Joined():
                return self.text(node)
            case Mapping():
                if wrapper_of(node):
                    return self.wrapped(node, path)
                return {key: self.data(value, (*path, key)) for key, value in self._fields(node, path)}
            case list():
                with self.deeper():
                    return [self.data(value, (*path, at)) for at, value in enumerate(node)]
            case _:
                return self.fitting(path, scalar, node)

    def value(self, leaf: Leaf) -> Any:
        """Return a bound value as data."""
        if not leaf.bound:
            return None
        with self.inside(leaf):
            if leaf.type is ParameterType.JSON:
                return self.data(leaf.value, ())
            return self._plain(leaf, leaf.value)

    def _plain(self, leaf: Leaf, value: Any) -> Any:
        """Return a value that is not declared as JSON: objects and lists of an undeclared one, but no operators."""
        with self.deeper():
            if isinstance(value, Mapping):
                return {self._plain_key(key): self._plain(leaf, item) for key, item in value.items()}
            if isinstance(value, list):
                return [self._plain(leaf, item) for item in value]
            return self.fitting((), lambda one: of_type(leaf.type, one), value)

    def _plain_key(self, key: str) -> str:
        if not key or key.startswith("$") or "." in key or "\0" in key:
            self.misfit(Misfit("a value without operators", "declare the parameter as json to let it hold such keys"))
        return key

    def text(self, node: Joined) -> str:
        return "".join(part if isinstance(part, str) else str(self.value(part) or "") for part in node.parts)

    def wrapped(self, node: Mapping[str, Any], path: Path) -> Any:
        """Read a form of extended JSON, whose argument may be a binding, or a list of them."""
        name = wrapper_of(node)
        found = list(leaves(node))
        argument = node[name]
        if name == "$regularExpression" and isinstance(argument, Mapping) and "options" in argument:
            argument = {**argument, "options": self.constant(argument["options"], path)}
        if any(not leaf.bound for leaf in found):
            return None
        if name == "$regularExpression" and isinstance(argument, Mapping):
            argument = {**argument, "pattern": self.regex(argument.get("pattern"), path)}
        elif isinstance(argument, Mapping):
            argument = {key: self._argument(value) for key, value in argument.items()}
        else:
            argument = self._argument(argument)
        make = WRAPPERS[name]
        first = found[0] if found else None
        if isinstance(argument, list) and isinstance(node[name], Leaf):
            return [self.made(make, one, path, first) for one in argument]
        return self.made(make, argument, path, first)

    def _argument(self, node: Any) -> Any:
        if isinstance(node, Joined):
            return self.text(node)
        if isinstance(node, Leaf):
            return node.value if node.type in (None, ParameterType.TEXT) else self.value(node)
        return node

    def made(self, make: Callable[[Any], Any], argument: Any, path: Path, origin: Leaf | None) -> Any:
        if origin is None:
            return self.fitting(path, make, argument)
        with self.inside(origin):
            return self.fitting(path, make, argument)

    def number(self, node: Any, path: Path) -> Any:
        """Read a whole number that is not negative."""
        return self.made(_whole, self.value(node) if isinstance(node, Leaf) else node, path, origin(node))

    def signed(self, node: Any, path: Path) -> Any:
        """Read a whole number: how many elements of a list, from its end when it is negative."""
        return self.made(_signed, self.value(node) if isinstance(node, Leaf) else node, path, origin(node))

    def listed(self, node: Any, path: Path) -> Any:
        """Read a list of values, or a binding that is one; a scalar is a list of one."""
        found = self.data(node, path)
        if isinstance(node, Leaf) and not node.bound:
            return []
        if origin(node) is None and not isinstance(found, list):
            self.refuse(path, "must be a list")
        items = found if isinstance(found, list) else [found]
        for one, item in zip(node, items, strict=True) if isinstance(node, list) else [(node, items)]:
            if self.writes and isinstance(one, Leaf):
                self.not_a_pattern(item, one)
        if not items and path[-1:] == ("$nin",) and self.writes and (leaf := origin(node)) is not None:
            with self.inside(leaf):
                self.misfit(Misfit("a list that is not empty", "without it the filter would match everything"))
        return items

    def not_a_pattern(self, value: Any, leaf: Leaf) -> None:
        """Refuse a bound value that is a pattern, or holds one: it would match others than itself."""
        if any(isinstance(one, Regex) for one in _scalars(value)):
            with self.inside(leaf):
                self.misfit(Misfit("a value that is no pattern", "a value cannot choose which documents are changed"))

    def regex(self, node: Any, path: Path) -> Any:
        """Read a pattern: values in it are matched literally, unless they are declared with wildcards."""
        if isinstance(node, Mapping) and wrapper_of(node) == "$regularExpression":
            return self.wrapped(node, path)
        parts = node.parts if isinstance(node, Joined) else (node,)
        if not all(isinstance(part, str | Leaf) for part in parts):
            self.refuse(path, "must be a text")
            return ""
        return "".join(part if isinstance(part, str) else self._literally(part) for part in parts)

    def _literally(self, leaf: Leaf) -> str:
        if not leaf.bound:
            return ""
        with self.inside(leaf):
            if not isinstance(leaf.value, str) or "\0" in leaf.value:
                self.misfit(Misfit("text"))
                return ""
            if leaf.wildcards:
                return leaf.value
        return "".join(f"\\{letter}" if letter in _SPECIAL else letter for letter in leaf.value)

    def constant(self, node: Any, path: Path) -> Any:
        """Read what only the author may write: names and options."""
        match node:
            case Leaf() | Joined():
                self.refuse(path, "no binding can stand here", "write the value itself")
                return None
            case Mapping() if wrapper_of(node):
                return self.data(node, path)
            case Mapping():
                for key in node:
                    if key in operators.DENIED:
                        self.refuse((*path, key), f"{key} is refused: {operators.DENIED[key]}")
                return {key: self.constant(value, (*path, key)) for key, value in node.items()}
            case list():
                return [self.constant(value, (*path, at)) for at, value in enumerate(node)]
            case _:
                return self.fitting(path, scalar, node)

    def refuse(self, path: Path, message: str, hint: str = "") -> None:
        """Note what is wrong with what the author wrote, or with the bound value that is read now."""
        if self.within is None:
            self.problems.append(ActionProblem(path=path, message=message, hint=hint))
        else:
            self.misfit(Misfit("a value without operators that are refused", hint))

    def misfit(self, misfit: Misfit) -> None:
        assert self.within is not None  # noqa: S101  # reason: only called while a value is read
        self.misfits.append((self.within.name, misfit))

    def fitting(self, path: Path, make: Callable[[Any], Any], value: Any) -> Any:
        try:
            return make(value)
        except Misfit as misfit:
            if self.within is not None:
                self.misfit(misfit)
            else:
                self.refuse(path, f"must be {misfit.expected}", misfit.hint)
            return None

    def known(self, name: str, table: Mapping[str, Any], path: Path, what: str) -> bool:
        if name in operators.DENIED:
            self.refuse(path, f"{name} is refused: {operators.DENIED[name]}")
        elif self.within is not None and name in operators.NEVER_IN_A_VALUE:
            self.refuse(path, f"{name} cannot be a value")
        elif name not in table:
            self.refuse(path, f"{name} is {what} that can be used here")
        else:
            return True
        return False

    def _fields(self, node: Mapping[str, Any], path: Path) -> Iterable[tuple[str, Any]]:
        with self.deeper():
            for key in node:
                if key.startswith("$"):
                    self.refuse((*path, key), f"{key} cannot stand in a value")
                self.check_key(key, (*path, key))
            yield from node.items()

    def check_key(self, key: str, path: Path) -> None:
        if "\0" in key:
            self.refuse(path, "a name cannot hold NUL")

    @contextmanager
    def inside(self, leaf: Leaf) -> Iterator[None]:
        before, self.within = self.within, self.within or leaf
        try:
            yield
        finally:
            self.within = before

    @contextmanager
    def deeper(self) -> Iterator[None]:
        self._depth += 1
        try:
            if self._depth > MAX_DEPTH and self.within is not None:
                raise TooDeep(self.within.name)
            yield
        finally:
            self._depth -= 1


class TooDeep(Exception):
    """A bound value is nested deeper than BSON takes."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def has_operators(node: Mapping[str, Any]) -> bool:
    return any(key.startswith("$") for key in node)


def origin(node: Any) -> Leaf | None:
    """Return the binding that a node is, or is made of."""
    return next(leaves(node), None) if isinstance(node, Leaf | Joined) or wrapper_of(node) else None


def leaves(node: Any) -> Iterator[Leaf]:
    match node:
        case Leaf():
            yield node
        case Joined():
            yield from (part for part in node.parts if isinstance(part, Leaf))
        case Mapping():
            for value in node.values():
                yield from leaves(value)
        case list():
            for value in node:
                yield from leaves(value)


def _scalars(value: Any) -> Iterator[Any]:
    match value:
        case dict():
            for item in value.values():
                yield from _scalars(item)
        case list():
            for item in value:
                yield from _scalars(item)
        case _:
            yield value


def _signed(value: Any) -> int:
    if isinstance(value, str) and value.startswith("-"):
        return -_whole(value[1:])
    negative = isinstance(value, int | float | Decimal) and not isinstance(value, bool) and value < 0
    try:
        return -_whole(-value) if negative else _whole(value)
    except Misfit:
        raise Misfit("a whole number") from None


def _whole(value: Any) -> int:
    if value is None:
        return 0
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or not 0 <= value < 2**63:
        raise Misfit("a whole number that is not negative")
    return int(value)
