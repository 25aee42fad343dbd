"""Compile an action's configuration into a plan, field by field, each for the place where it stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from appsmith_proxy.errors import Problem
from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.model.plan import (
    MAX_STATEMENTS,
    AxisKind,
    Binding,
    FieldSet,
    FieldTemplate,
    Plan,
    Slot,
    StatementSet,
    Step,
    TextTemplate,
)
from appsmith_proxy.sdk import (
    ActionField,
    Driver,
    FieldType,
    Payload,
    Place,
    StatementClass,
    check_configuration,
    rows_in_force,
)
from appsmith_proxy.template.binder import Binder
from appsmith_proxy.template.canonical import with_digest
from appsmith_proxy.template.choosers import chooser_problems, is_chooser
from appsmith_proxy.template.json_context import compile_json, locate
from appsmith_proxy.template.names import refusal, source_of
from appsmith_proxy.template.parameters import check_declarations, declarations_by_name
from appsmith_proxy.template.requests import unbound_document
from appsmith_proxy.template.sql import compile_sql
from appsmith_proxy.template.steps import statement_count, step_problems, unknown_results
from appsmith_proxy.template.stepwise import Stepwise
from appsmith_proxy.template.text_context import check_header_name, compile_text
from appsmith_proxy.template.tokenizer import find_holes, position, texts_of, unclosed


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """What became of an action: a plan, or every problem it has."""

    plan: Plan | None
    problems: tuple[Problem, ...]


def compile_action(
    driver: Driver,
    configuration: Mapping[str, Any],
    parameters: Sequence[DeclaredParameter],
    *,
    read_only: bool | None,
    allow_ddl: bool,
) -> Compiled:
    """Compile an action. Raises nothing: all problems come back at once, each with its path, line and column.

    Args:
        driver: the datasource's; its ``actions`` say where each field stands, its ``dialect`` how SQL is read.
        configuration: the action's, as the author wrote it.
        parameters: declared by the author; a name that does not occur is only a warning.
        read_only: None takes the plan's own nature.
        allow_ddl: an editor's flag for DDL and EXPLAIN; excludes ``read_only``.
    """
    normal, problems = check_configuration(driver.actions, configuration)
    work = _Work(driver=driver, parameters=declarations_by_name(parameters), allow_ddl=allow_ddl, problems=problems)
    for row in rows_in_force(driver.actions, configuration):
        if isinstance(row, ActionField) and row.name in normal:
            work.compile(row, normal[row.name])
    work.problems += check_declarations(parameters, optional=work.optional)
    bindings = bindings_of({row: normal[row] for row in work.read}, in_steps=work.in_steps)
    writes = work.writes
    if driver.payload is not Payload.STATEMENT and not work.problems:
        writes = work.checked_by_driver(normal)
    compiled = bool(work.steps) or driver.payload is not Payload.STATEMENT
    work.problems += _flag_problems(read_only=read_only, allow_ddl=allow_ddl, writes=compiled and writes)
    steps = tuple(work.steps) or (Step(payload=FieldSet(fields=work.fields)),)
    if work.in_steps and len(work.read) > 1:
        problem = Problem("configuration", "has both a statement and steps", hint="leave one of them out")
        work.problems.append(problem)
    work.problems += step_problems(steps, driver)
    if driver.payload is Payload.STATEMENT and not work.steps and not work.problems:
        work.problems.append(Problem("configuration", "the statement is missing"))
    if work.problems:
        return Compiled(plan=None, problems=tuple(work.problems))
    plan = with_digest(
        Plan(
            kind=driver.kind,
            steps=steps,
            bindings=bindings,
            parameters=work.parameters,
            writes=writes,
            read_only=(not writes) if read_only is None else read_only,
            warnings=(*work.warnings, *_unused(parameters, bindings)),
        )
    )
    return Compiled(plan=replace(plan, binder=Stepwise(plan) if plan.in_transaction else Binder(plan)), problems=())


def bindings_of(configuration: Any, *, in_steps: bool = False) -> tuple[Binding, ...]:
    """Return the bindings in every text of a configuration, once for each name, in order. Empty names are left out."""
    names = dict.fromkeys(hole.name for text in texts_of(configuration) for hole in find_holes(text) if hole.name)
    return tuple(Binding(name=name, source=source_of(name, in_steps=in_steps)) for name in names)


@dataclass(slots=True, kw_only=True)
class _Work:
    """One compilation: the fields compiled so far, and what was wrong with them."""

    driver: Driver
    parameters: Mapping[str, DeclaredParameter]
    allow_ddl: bool
    problems: list[Problem]
    warnings: list[str] = field(default_factory=list)
    fields: dict[str, FieldTemplate] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    """The rows whose texts were searched for bindings."""
    writes: bool = False
    in_steps: bool = False
    optional: frozenset[str] = frozenset()
    """Names that may be absent, because they stand in optional blocks only."""

    def compile(self, row: ActionField, value: Any) -> None:
        """Compile one field for its place."""
        path = f"configuration.{row.name}"
        self.read.append(row.name)
        if not all(_is_whole(text) for text in texts_of(value)):
            self.problems.append(Problem(path, "holds half a Unicode character"))
            return
        for text in texts_of(value):
            self._check_names(text, path)
        compilers = {Place.SQL: self._sql, Place.JSON: self._json, Place.NONE: self._constant}
        compilers.get(row.place, self._text)(row, value, path)

    def checked_by_driver(self, normal: Mapping[str, Any]) -> bool:
        """Let the driver read an action that is no SQL; return whether it writes."""
        check = self.driver.check_action(unbound_document(self.fields, self.parameters))
        for problem in check.problems:
            text = normal.get(str(problem.path[0]))
            at = locate(text, problem.path[1:]) if isinstance(text, str) and len(problem.path) > 1 else None
            line, column = position(str(text), at) if at is not None else (None, None)
            where = f"configuration{_dotted(problem.path)}"
            self.problems.append(Problem(where, problem.message, line=line, column=column, hint=problem.hint))
        return check.writes

    def slot(self, name: str) -> Slot:
        """Return the slot of a binding outside SQL."""
        declared = self.parameters.get(name)
        return Slot(name=name, source=source_of(name), type=declared.type if declared else None)

    def _sql(self, row: ActionField, value: Any, path: str) -> None:
        if row.type is FieldType.STEPS:
            self.in_steps = True
            for index, step in enumerate(value):
                if statement_count(self.steps) > MAX_STATEMENTS:
                    return  # refused already: what follows is not worth compiling
                where = f"{path}[{index}].body"
                self.problems += unknown_results(step["body"], self.steps, where)
                self._statement(step["body"], where, name=step["name"])
        else:
            self._statement(value, path)

    def _statement(self, value: Any, path: str, *, name: str = "") -> None:
        if self.driver.dialect is None or not isinstance(value, str):
            self.problems.append(Problem(path, "this kind of datasource takes no SQL"))
            return
        if any(is_chooser(declared) and any(chooser_problems(declared)) for declared in self.parameters.values()):
            return  # the declarations are refused, and without choices there is nothing to read
        compiled = compile_sql(
            value, self.driver.dialect, self.parameters, path=path, allow_ddl=self.allow_ddl, in_steps=self.in_steps
        )
        self.problems += compiled.problems
        self.warnings += compiled.warnings
        self.writes = self.writes or compiled.writes
        if self.in_steps and compiled.statement_class in (StatementClass.DDL, StatementClass.EXPLAIN):
            why = "a step cannot change the schema or explain: some databases would commit what came before it"
            self.problems.append(Problem(path, why, hint="make it an action of its own"))
        if compiled.statements is not None:
            self.optional |= _names_in_blocks_only(compiled.statements)
            self.steps.append(Step(payload=compiled.statements, name=name))

    def _json(self, row: ActionField, value: Any, path: str) -> None:
        if not isinstance(value, str) or not value.strip():
            self.fields[row.name] = None
            return
        template, problems = compile_json(value, self.slot, path=path)
        self.problems += problems
        if template is not None:
            self.fields[row.name] = template

    def _text(self, row: ActionField, value: Any, path: str) -> None:
        if row.type is FieldType.PAIRS:
            self.fields[row.name] = tuple(
                self._pair(row.place, pair, f"{path}[{index}]") for index, pair in enumerate(value)
            )
        elif isinstance(value, str):
            self.fields[row.name] = self._template(value, row.place, path)
        else:
            self._constant(row, value, path)

    def _pair(self, place: Place, pair: Mapping[str, str], path: str) -> tuple[TextTemplate, TextTemplate]:
        if place is Place.HEADER:
            self.problems += check_header_name(pair["name"], path=f"{path}.name")
        return (
            self._template(pair["name"], place, f"{path}.name"),
            self._template(pair["value"], place, f"{path}.value"),
        )

    def _template(self, text: str, place: Place, path: str) -> TextTemplate:
        template, problems = compile_text(text, place, self.slot, path=path)
        self.problems += problems
        return template

    def _constant(self, row: ActionField, value: Any, path: str) -> None:
        if any(find_holes(text) for text in texts_of(value)):
            self.problems.append(Problem(path, "no binding can stand here", hint="write the value itself"))
        self.fields[row.name] = value if isinstance(value, str | int | bool) else None

    def _check_names(self, text: str, path: str) -> None:
        for hole in find_holes(text):
            found = refusal(hole.name)
            if found is not None:
                self.problems.append(Problem(path, found[0], *position(text, hole.start), hint=found[1]))
        offset = unclosed(text)
        if offset is not None:
            line, column = position(text, offset)
            self.warnings.append(f"{path}, line {line}, column {column}: {{{{ is never closed, so it is plain text")


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _names_in_blocks_only(statements: StatementSet) -> frozenset[str]:
    blocks = {name for axis in statements.axes if axis.kind is AxisKind.BLOCK for name in axis.names}
    needed = {slot.name for slot in statements.statements[0].slots}
    chosen = {axis.names[0] for axis in statements.axes if axis.kind is AxisKind.CHOICE and not axis.within}
    return frozenset(blocks - needed - chosen)


def _dotted(path: Sequence[str | int]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def _flag_problems(*, read_only: bool | None, allow_ddl: bool, writes: bool) -> list[Problem]:
    if read_only and allow_ddl:
        return [Problem("allowDdl", "excludes readOnly", hint="choose one of them")]
    if read_only and writes:
        return [Problem("readOnly", "the action writes", hint="leave readOnly out, or make the action a read")]
    return []


def _unused(parameters: Sequence[DeclaredParameter], bindings: Sequence[Binding]) -> list[str]:
    names = {binding.name for binding in bindings}
    return [
        f"parameter {declared.name} is declared but not used" for declared in parameters if declared.name not in names
    ]
