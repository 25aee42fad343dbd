"""Records with every field set to something that is not its default."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

from appsmith_proxy.errors import Outcome
from appsmith_proxy.model.ids import new_id
from appsmith_proxy.model.keyed_runs import KeyedRun, RunEnd
from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.model.principal import Role, User
from appsmith_proxy.model.records import (
    Action,
    ActionCopy,
    Application,
    Datasource,
    PlanSeal,
    SealedSecret,
    Token,
    Workspace,
)
from appsmith_proxy.sdk import ParameterType, Reported


def workspace(name: str = "Sales") -> Workspace:
    return Workspace(id=new_id(), name=name)


def application(workspace_id: str, name: str = "Orders") -> Application:
    moment = datetime(2024, 2, 29, 23, 59, 59, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    return Application(id=new_id(), workspace_id=workspace_id, name=name, published_at=moment)


def datasource(workspace_id: str, name: str = "Warehouse") -> Datasource:
    return Datasource(
        id=new_id(),
        workspace_id=workspace_id,
        name=name,
        kind="memory",
        configuration={"host": "db.internal", "port": 5432, "tls": True, "ratio": 0.1, "none": None, "list": [1, "ü"]},
        secrets={
            "password": SealedSecret(sealed=bytes(range(256)), generation=3),
            "headers.X-Key": SealedSecret(sealed=b"", generation=1),
        },
    )


def parameter() -> DeclaredParameter:
    return DeclaredParameter(
        name="customer id",
        type=ParameterType.INTEGER,
        is_list=True,
        required=False,
        nullable=True,
        default=[7],
        has_default=True,
        choices=(7, "x", None),
        min=1,
        max="2024-01-01",
        min_length=1,
        max_length=9,
        pattern="^a+$",
        max_items=10,
        allow_empty=True,
        wildcards=True,
        empty_is_absent=False,
        trusted_only=True,
    )


def copy(datasource_id: str, name: str = "byId") -> ActionCopy:
    return ActionCopy(
        datasource_id=datasource_id,
        name=name,
        configuration={"body": "SELECT {{ 'ünïcode' }} \x00 \U0001f600"},
        parameters=(parameter(), DeclaredParameter(name="q")),
        timeout_ms=1234,
        read_only=False,
        allow_ddl=True,
        max_affected_rows=5,
        numbers="number",
        confirm_before_execute=True,
        cancel_on_disconnect=True,
        user_messages={"ConstraintViolated": "That order exists already."},
        checked=True,
    )


def seal() -> PlanSeal:
    return PlanSeal(
        version=3,
        compiler=1,
        digest="cd" * 32,
        reported=(Reported(statement="ef" * 32, parameter_types=("int4", None), columns=(("id", "int4"),)),),
        mac=bytes(range(32)),
    )


def action(workspace_id: str, application_id: str, datasource_id: str, name: str = "byId") -> Action:
    draft = copy(datasource_id, name)
    return Action(
        id=new_id(),
        workspace_id=workspace_id,
        application_id=application_id,
        draft=draft,
        published=replace(draft, name="before", read_only=None, seal=seal()),
    )


def keyed_run() -> KeyedRun:
    return KeyedRun(
        id="ab" * 32,
        execution_id=new_id(),
        overdue_at=datetime(2024, 1, 1, 0, 2, tzinfo=UTC),
        expires_at=datetime(2024, 1, 2, tzinfo=UTC),
        end=RunEnd(affected=3, status=201, error_code="BadResponse", outcome=Outcome.UNKNOWN, constraint="orders_pkey"),
    )


def token(workspace_id: str | None = None, sha256: str = "ab" * 32) -> Token:
    return Token(
        id=new_id(),
        sha256=sha256,
        role=Role.DEVELOPER,
        workspace_id=workspace_id,
        user=User(id="u1", email="u1@example.com", name="U", groups=("a", "b"), roles=()),
        created_at=datetime(2024, 1, 1, tzinfo=UTC),
        expires_at=datetime(2024, 4, 1, tzinfo=UTC),
    )
