"""Reading updates and documents, and the whole of an action: which kind of argument is read by what."""

from collections.abc import Callable, Mapping
from typing import Any

from appsmith_proxy.sdk import Leaf
from appsmith_proxy_mongodb import operators
from appsmith_proxy_mongodb.operators import Kind
from appsmith_proxy_mongodb.pipelines import Pipelines
from appsmith_proxy_mongodb.reading import BIND_VALUES, Path, has_operators
from appsmith_proxy_mongodb.values import Misfit, wrapper_of


class Reading(Pipelines):
    """Reads every tree of an action."""

    def read(self, kind: Kind, node: Any, path: Path) -> Any:
        """Return a tree as BSON has it, read as one kind of argument."""
        return self._readers()[kind](node, path)

    def update(self, node: Any, path: Path) -> Any:
        """Read an update: an object of operators, a pipeline, or a whole document in place of the old one."""
        if isinstance(node, list):
            return self.pipeline(node, path, of_update=True)
        if isinstance(node, Leaf):
            return self.structure(node, path, self._replacement)
        if not isinstance(node, Mapping) or not node:
            self.refuse(path, "must be an object of update operators, a pipeline, or a document")
            return {}
        if not has_operators(node):
            return self._replacement(node, path)
        found: dict[str, Any] = {}
        for key, value in node.items():
            here = (*path, key)
            if self.known(key, operators.UPDATES, here, "no operator of an update"):
                found[key] = self.read(operators.UPDATES[key], value, here)
        return found

    def _replacement(self, node: Any, path: Path) -> Any:
        if not isinstance(node, Mapping):
            self.refuse(path, "must be a document")
            return {}
        return self.data(node, path)

    def fields_of(self, node: Any, path: Path, read: Callable[[Any, Path], Any]) -> Any:
        """Read an object of fields, each with an argument of its own."""
        if isinstance(node, Leaf):
            return self.structure(node, path, lambda value, at: self.fields_of(value, at, read))
        if not isinstance(node, Mapping):
            self.refuse(path, "must be an object of fields", BIND_VALUES)
            return {}
        for key in node:
            self.check_key(key, (*path, key))
        return {key: read(value, (*path, key)) for key, value in node.items()}

    def push(self, node: Any, path: Path) -> Any:
        """Read what is added to a list: a value, or ``{"$each": …}``."""
        if not isinstance(node, Mapping) or wrapper_of(node) or not has_operators(node):
            return self.data(node, path)
        return {
            key: self.read(operators.PUSHES[key], value, (*path, key))
            for key, value in node.items()
            if self.known(key, operators.PUSHES, (*path, key), "no modifier of a list")
        }

    def documents(self, node: Any, path: Path) -> list[Any]:
        """Read one document or a list of them."""
        found = self.data(node, path)
        listed = found if isinstance(found, list) else [found]
        leaf = node if isinstance(node, Leaf) else None
        if leaf is not None and not leaf.bound:
            return []
        if not listed or not all(isinstance(one, dict) for one in listed):
            if leaf is None:
                self.refuse(path, "must be a document, or a list of them")
            else:
                with self.inside(leaf):
                    self.misfit(Misfit("a document, or a list of them"))
            return []
        return listed

    def _readers(self) -> Mapping[Kind, Callable[[Any, Path], Any]]:
        return {
            Kind.DATA: self.data,
            Kind.OPTIONS: self.options,
            Kind.QUERY: self.query,
            Kind.QUERIES: self.queries,
            Kind.CONDITION: self.condition,
            Kind.ELEMENT: self.element,
            Kind.LIST: self.listed,
            Kind.REGEX: self.regex,
            Kind.EXPRESSION: self.expression,
            Kind.NUMBER: self.number,
            Kind.SORT: self.sort,
            Kind.CONSTANT: self.constant,
            Kind.PIPELINE: self.pipeline,
            Kind.PIPELINES: self.pipelines,
            Kind.FIELDS_DATA: lambda node, path: self.fields_of(node, path, self.data),
            Kind.FIELDS_PUSH: lambda node, path: self.fields_of(node, path, self.push),
            Kind.FIELDS_CONDITION: lambda node, path: self.fields_of(node, path, self.element),
            Kind.SOURCE: self.source,
            Kind.TARGET: self.target,
        }
