"""Reading filters: fields and conditions. The operators are the author's; a declared ``json`` value may hold comparisons."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from appsmith_proxy.sdk import Leaf, ParameterType
from appsmith_proxy_mongodb import operators
from appsmith_proxy_mongodb.reading import BIND_VALUES, Path, Values, has_operators
from appsmith_proxy_mongodb.values import wrapper_of

_DECLARE_JSON: Final = "write the keys and bind their values, or declare the parameter as json"


class Filters(Values):
    """Reads what documents are compared with."""

    def query(self, node: Any, path: Path) -> Any:
        """Read a filter."""
        if isinstance(node, Leaf):
            return self.structure(node, path, self.query)
        if not isinstance(node, Mapping):
            self.refuse(path, "must be an object of fields and conditions")
            return {}
        found: dict[str, Any] = {}
        with self.deeper():
            for key, value in node.items():
                here = (*path, key)
                if not key.startswith("$"):
                    self.check_key(key, here)
                    found[key] = self.condition(value, here)
                elif self.known(key, operators.LOGICAL, here, "no operator of a filter"):
                    found[key] = self.read(operators.LOGICAL[key], value, here)
        return found

    def queries(self, node: Any, path: Path) -> Any:
        """Read a list of filters."""
        if not isinstance(node, list):
            self.refuse(path, "must be a list of filters")
            return []
        return [self.query(value, (*path, at)) for at, value in enumerate(node)]

    def condition(self, node: Any, path: Path) -> Any:
        """Read what a field is compared with: a value, or an object of operators."""
        if isinstance(node, Leaf) and self.writes:  # a value says what is equal to it, and no more
            value = self.data(node, path)
            self.not_a_pattern(value, node)
            return value
        if isinstance(node, Leaf) and node.type is ParameterType.JSON and node.bound:
            with self.inside(node):
                return self.condition(node.value, ())
        if not isinstance(node, Mapping) or wrapper_of(node) or not has_operators(node):
            return self.data(node, path)
        found: dict[str, Any] = {}
        with self.deeper():
            for key, value in node.items():
                here = (*path, key)
                if self.known(key, operators.CONDITIONS, here, "no comparison"):
                    found[key] = self.read(operators.CONDITIONS[key], value, here)
        return found

    def options(self, node: Any, path: Path) -> Any:
        """Read the argument of ``$text`` or of a geometric operator: values, and names with ``$`` of their own."""
        if not isinstance(node, Mapping) or wrapper_of(node):
            return self.data(node, path)
        found: dict[str, Any] = {}
        for key, value in node.items():
            here = (*path, key)
            if key.startswith("$") and key not in operators.IN_DATA:
                self.refuse(here, f"{key} cannot stand here")
            found[key] = self.options(value, here)
        return found

    def element(self, node: Any, path: Path) -> Any:
        """Read what an element of a list is compared with: a filter, or an object of operators."""
        if isinstance(node, Leaf) and path[-1:] == ("$elemMatch",):
            return self.structure(node, path, self.query)
        if not isinstance(node, Mapping) or wrapper_of(node) or any(key in operators.CONDITIONS for key in node):
            return self.condition(node, path)
        return self.query(node, path)

    def structure(self, leaf: Leaf, path: Path, read: Callable[[Any, Path], Any]) -> Any:
        """Read a bound value whose keys choose fields: only one that is declared as JSON, and never in a write's filter."""
        if self.writes and read == self.query:
            self.refuse(path, "a value cannot choose which documents are changed", BIND_VALUES)
            return {}
        if leaf.type is not ParameterType.JSON:
            self.refuse(path, "a value cannot choose what is matched or changed", _DECLARE_JSON)
            return {}
        if not leaf.bound:
            return {}
        with self.inside(leaf):
            return read(leaf.value, ())
