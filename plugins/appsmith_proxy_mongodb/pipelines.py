"""Reading pipelines: stages and expressions. A text of the author's may read a field; a value is always literal."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from appsmith_proxy.sdk import Joined, Leaf
from appsmith_proxy_mongodb import operators
from appsmith_proxy_mongodb.filters import Filters
from appsmith_proxy_mongodb.operators import Kind
from appsmith_proxy_mongodb.reading import BIND_VALUES, Path, leaves, origin
from appsmith_proxy_mongodb.values import Misfit, scalar, wrapper_of


class Pipelines(Filters):
    """Reads aggregations, and what they share with the other operations."""

    def expression(self, node: Any, path: Path) -> Any:
        """Read an aggregation expression. A text of the author's may read a field; a value is always literal."""
        match node:
            case Leaf():
                return {"$literal": self.value(node)}
            case Joined():
                if isinstance(node.parts[0], str) and node.parts[0].startswith("$"):
                    self.refuse(path, "a value cannot be part of a field's path", "write the path, or compare with $eq")
                return {"$literal": self.text(node)}
            case Mapping() if wrapper_of(node):
                value = self.wrapped(node, path)  # in a projection a bare number would show a field, or all the others
                return {"$literal": value} if any(leaves(node)) else value
            case Mapping():
                return {key: self._argument_of(key, value, (*path, key)) for key, value in node.items()}
            case list():
                return [self.expression(value, (*path, at)) for at, value in enumerate(node)]
            case _:
                return self.fitting(path, scalar, node)

    def _argument_of(self, key: str, node: Any, path: Path) -> Any:
        if key in operators.DENIED:
            self.refuse(path, f"{key} is refused: {operators.DENIED[key]}")
            return None
        match key:
            case "$literal":
                return self.data(node, path)
            case "$elemMatch":  # of a projection
                return self.element(node, path)
            case "$slice" if all(isinstance(one, int | float | Decimal | Leaf) for one in _several(node)):
                return [self.signed(one, path) for one in node] if isinstance(node, list) else self.signed(node, path)
        naming = operators.NAMING.get(key)
        if naming is not None and isinstance(node, Mapping) and naming:
            checked = {**node, naming: self.constant(node.get(naming), (*path, naming))}
            return {name: self.expression(value, (*path, name)) for name, value in checked.items()}
        return self.constant(node, path) if naming is not None else self.expression(node, path)

    def pipeline(self, node: Any, path: Path, *, of_update: bool = False) -> Any:
        """Read a list of stages."""
        if not isinstance(node, list):
            hint = (
                "a value cannot be a stage: write the stages, and bind their values" if isinstance(node, Leaf) else ""
            )
            self.refuse(path, "must be a list of stages", hint)
            return []
        stages = [self._stage(stage, (*path, at), of_update=of_update) for at, stage in enumerate(node)]
        for at, stage in enumerate(node):
            name = next(iter(stage), "") if isinstance(stage, Mapping) else ""
            if name in operators.WRITING_STAGES:
                self.writes = True
                if len(path) != 1 or at != len(node) - 1:
                    self.refuse((*path, at, name), f"{name} can only be the last stage of the whole pipeline")
        return stages

    def _stage(self, node: Any, path: Path, *, of_update: bool) -> Any:
        if not isinstance(node, Mapping) or len(node) != 1:
            hint = "a value cannot be a stage: write it, and bind its values" if isinstance(node, Leaf) else ""
            self.refuse(path, "must be an object with one key, the stage's name", hint)
            return {}
        name, argument = next(iter(node.items()))
        here = (*path, name)
        if not self.known(name, operators.STAGES, here, "no stage"):
            return {}
        if of_update and name not in operators.UPDATE_STAGES:
            self.refuse(here, f"{name} cannot stand in an update")
        kind = operators.STAGES[name]
        if name in operators.OF_FIELDS and not isinstance(argument, Mapping):
            self.refuse(here, "must be an object of fields", BIND_VALUES)
            return {}
        if isinstance(kind, Kind):
            return {name: self.read(kind, argument, here)}
        if name == "$unionWith" and isinstance(argument, str):
            return {name: self.source(argument, here)}
        if not isinstance(argument, Mapping):
            self.refuse(here, "must be an object", BIND_VALUES)
            return {}
        members: dict[str, Any] = {}
        for key, value in argument.items():
            if key not in kind:
                self.refuse((*here, key), f"{name} has no such member", f"one of {', '.join(kind)}")
                continue
            members[key] = self.read(kind[key], value, (*here, key))
        return {name: members}

    def pipelines(self, node: Any, path: Path) -> Any:
        """Read an object of pipelines."""
        if not isinstance(node, Mapping):
            self.refuse(path, "must be an object of pipelines")
            return {}
        return {key: self.pipeline(value, (*path, key)) for key, value in node.items()}

    def sort(self, node: Any, path: Path) -> Any:
        """Read fields and directions."""
        if not isinstance(node, Mapping):
            self.refuse(path, "must be an object of fields and directions", BIND_VALUES)
            return {}
        for key in node:
            self.check_key(key, (*path, key))
        return {key: self.direction(value, (*path, key)) for key, value in node.items()}

    def source(self, node: Any, path: Path) -> Any:
        """Read the name of a collection of the same database."""
        if not isinstance(node, str):
            self.refuse(path, "must be the name of a collection of this database", "a datasource is one database")
        else:
            for message in name_problems(node):
                self.refuse(path, message)
        return node

    def target(self, node: Any, path: Path) -> Any:
        """Read where a pipeline writes to: a collection of the same database."""
        into = node.get("into") if isinstance(node, Mapping) and path[-1] == "$merge" else node
        self.source(into, path)
        return self.constant(node, path)

    def direction(self, node: Any, path: Path) -> Any:
        """Read a direction to sort in."""
        if isinstance(node, Mapping):
            return self.constant(node, path)
        return self.made(_direction, self.value(node) if isinstance(node, Leaf) else node, path, origin(node))


def name_problems(name: str) -> Iterator[str]:
    """Yield what is wrong with the name of a collection."""
    if not name or "$" in name or "\0" in name or len(name.encode("utf-8", "replace")) > 255:
        yield "is no name of a collection"
    elif name.startswith("system."):
        yield "collections of the system are not read or written"


def _several(node: Any) -> list[Any]:
    return node if isinstance(node, list) else [node]


def _direction(value: Any) -> int:
    if value is None or (not isinstance(value, bool) and value in (1, -1, "1", "-1")):
        return 1 if value is None else int(value)
    raise Misfit("1 or -1")
