"""Calling the samples over HTTP as a viewer, in both wire forms, and showing the answers as a table."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from appsmith_proxy.demo.samples import Sample

_WIDTH: Final = 72
_OK: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One sample and the id of its stored action."""

    sample: Sample
    action_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one call answered, by wire form."""

    sample: Sample
    form: str
    success: bool
    text: str


async def call_all(base: str, token: str, calls: Sequence[Call]) -> list[Answer]:
    """Execute every sample as JSON and as the family's multipart form."""
    headers = {"Authorization": f"Bearer {token}"}
    answers = []
    async with aiohttp.ClientSession(headers=headers) as session:
        for call in calls:
            for form, arguments in (("json", _json(call)), ("form", _form(call))):
                async with session.post(f"{base}/actions/execute", **arguments) as response:
                    answers.append(_answer(call.sample, form, response.status, await response.json()))
    return answers


def print_table(answers: Sequence[Answer]) -> int:
    """Print one line a call; return 0 when all succeeded."""
    print(f"{'action':<20} {'form':<5} {'':<6} answer")
    for answer in answers:
        mark = "ok" if answer.success else "FAILED"
        print(f"{answer.sample.name:<20} {answer.form:<5} {mark:<6} {answer.text}")
    failed = sum(not answer.success for answer in answers)
    print(f"\n{len(answers) - failed} of {len(answers)} executions succeeded")
    return 1 if failed else 0


def _json(call: Call) -> dict[str, Any]:
    return {"json": {"actionId": call.action_id, "viewMode": True, "params": dict(call.sample.params)}}


def _form(call: Call) -> dict[str, Any]:
    names = list(call.sample.params)
    values = list(call.sample.params.values())
    form = aiohttp.FormData()
    properties = {
        f"k{index}": {"datatype": _datatype(value), "blobIdentifiers": []} for index, value in enumerate(values)
    }
    description = {"actionId": call.action_id, "viewMode": True, "paramProperties": properties}
    form.add_field("executeActionDTO", json.dumps(description), content_type="application/json")
    if names:
        parameter_map = {name: f"k{index}" for index, name in enumerate(names)}
        form.add_field("parameterMap", json.dumps(parameter_map), content_type="application/json")
    for index, value in enumerate(values):
        text = value if isinstance(value, str) else json.dumps(value)
        form.add_field(f"k{index}", text, content_type="text/plain", filename="blob")
    return {"data": form}


def _datatype(value: object) -> object:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case list():
            return {"array": [_datatype(value[0]) if value else "null"]}
        case dict():
            return "object"
        case None:
            return "null"
        case _:
            return "string"


def _answer(sample: Sample, form: str, status: int, envelope: Mapping[str, Any]) -> Answer:
    data = envelope.get("data") or {}
    success = status == _OK and data.get("isExecutionSuccess") is True
    shown = data.get("body") if success else envelope.get("responseMeta", {}).get("error") or data.get("body")
    text = json.dumps(shown, ensure_ascii=False)
    if len(text) > _WIDTH:
        text = text[: _WIDTH - 1] + "…"
    return Answer(sample=sample, form=form, success=success, text=text)
