"""Reading a query string: strict, each name once unless its model takes a list."""

from typing import Any, Final, get_origin
from urllib.parse import parse_qsl

from appsmith_proxy.errors import InvalidRequest, Problem
from appsmith_proxy.web.decode import join
from appsmith_proxy.web.models import Wire
from appsmith_proxy.web.parsing import parse

MAX_NAMES: Final = 16


def read_query(raw: str, model: type[Wire] | None) -> Wire | None:
    """Read a query as a model; without a model there must be none.

    Raises:
        InvalidRequest: with every problem; paths begin with ``query``.
    """
    if model is None:
        if raw:
            raise _invalid(Problem("query", "this call takes none"))
        return None
    try:
        pairs = parse_qsl(
            raw, keep_blank_values=True, strict_parsing=bool(raw), errors="strict", max_num_fields=MAX_NAMES
        )
    except ValueError:
        raise _invalid(Problem("query", "cannot be read")) from None
    lists = {row.alias or name for name, row in model.model_fields.items() if get_origin(row.annotation) is list}
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, text in pairs:
        if name in lists:
            values.setdefault(name, []).append(text)
        elif name in values:
            problems.append(Problem(join("query", name), "stands twice"))
        elif text:  # reason: an empty value is how a form sends what was not filled in
            values[name] = _integer(text) if name == "limit" else text
    if problems:
        raise _invalid(*problems)
    return parse(model, values, path="query")


def _integer(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def _invalid(*problems: Problem) -> InvalidRequest:
    return InvalidRequest("the request is not valid", details=problems)
