"""What the errors of a server mean: its numbers, else their SQLSTATE → the contract's errors and our words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from appsmith_proxy.sdk import (
    BadResponse,
    ConnectFailed,
    ConstraintViolated,
    CredentialsRejected,
    DatasourceError,
    Disconnected,
    ExecutionTimeout,
    ParameterInvalid,
    PermissionRejected,
    ResourceExhausted,
    StatementInvalid,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What an error of the server means to us."""

    error: type[DatasourceError]
    message: str
    hint: str = ""


_DENIED: Final = Fault(PermissionRejected, "the account has no right to do this", "grant it, or use another account")
_REFUSED: Final = Fault(CredentialsRejected, "the server refused the account's name or password")
_FULL: Final = Fault(ResourceExhausted, "the server has no connection left")
_DOWN: Final = Fault(Disconnected, "the server is shutting down or ended the session")
_LOCKED: Final = Fault(ResourceExhausted, "the rows or the table are locked", "execute again")
_CANCELLED: Final = Fault(ExecutionTimeout, "the server cancelled the statement")
_SPACE: Final = Fault(ResourceExhausted, "the server is out of memory or disk")
_DUPLICATE: Final = Fault(ConstraintViolated, "there is such a row already")
_REFERENCE: Final = Fault(ConstraintViolated, "a foreign key of the database refused the change")
_CHECK: Final = Fault(ConstraintViolated, "a check of the database refused the change")
_MISSING: Final = Fault(ConstraintViolated, "a column of the row must have a value")
_LONG: Final = Fault(ParameterInvalid, "a value is too long for its column")
_RANGE: Final = Fault(ParameterInvalid, "a number is out of its type's range")
_VALUE: Final = Fault(ParameterInvalid, "a value is not valid for its type")
_JSON: Final = Fault(ParameterInvalid, "a value is not valid JSON")
_GEOMETRY: Final = Fault(ParameterInvalid, "a value is not a valid geometry")
_TOO_LARGE: Final = Fault(ResourceExhausted, "the statement with its values is too large for the server")
_READ_ONLY: Final = Fault(PermissionRejected, "the action runs read-only and the statement writes")
_STALE: Final = Fault(StatementInvalid, "the tables changed while the statement ran", "execute again")
_HOST: Final = Fault(CredentialsRejected, "the server does not accept this account from here")
_DAMAGED: Final = Fault(BadResponse, "the server failed; its data may be damaged")
_SERVER: Final = Fault(BadResponse, "the server failed")

_CODES: Final[Mapping[int, Fault]] = {
    1021: _SPACE,
    1022: _DUPLICATE,
    1034: _DAMAGED,
    1035: _DAMAGED,
    1037: _SPACE,
    1038: _SPACE,
    1040: _FULL,
    1041: _SPACE,
    1042: Fault(ConnectFailed, "the server cannot make out our address"),
    1043: Fault(ConnectFailed, "the server did not understand the login"),
    1044: Fault(PermissionRejected, "the account has no right to use this database"),
    1045: _REFUSED,
    1046: Fault(StatementInvalid, "no database is chosen", "name it in the datasource or in the statement"),
    1048: _MISSING,
    1049: Fault(ConnectFailed, "there is no such database on the server"),
    1053: _DOWN,
    1062: _DUPLICATE,
    1077: _DOWN,
    1079: _DOWN,
    1095: _DENIED,
    1099: _LOCKED,
    1100: _LOCKED,
    1114: Fault(ResourceExhausted, "the table is full"),
    1129: Fault(ConnectFailed, "the server has blocked our address after too many errors"),
    1130: _HOST,
    1131: _HOST,
    1133: _HOST,
    1135: _SPACE,
    1142: _DENIED,
    1143: _DENIED,
    1152: _DOWN,
    1153: _TOO_LARGE,
    1154: _DOWN,
    1155: _DOWN,
    1156: _DOWN,
    1157: _DOWN,
    1158: _DOWN,
    1159: _DOWN,
    1160: _DOWN,
    1161: _DOWN,
    1169: _DUPLICATE,
    1171: _MISSING,
    1184: _DOWN,
    1194: _DAMAGED,
    1195: _DAMAGED,
    1203: _FULL,
    1205: Fault(ResourceExhausted, "the rows are locked by another transaction", "execute again"),
    1206: Fault(ResourceExhausted, "the server has no room for more locks"),
    1213: Fault(ResourceExhausted, "the server ended a deadlock by rolling this statement back", "execute again"),
    1215: _REFERENCE,
    1216: _REFERENCE,
    1217: _REFERENCE,
    1226: Fault(ResourceExhausted, "the account has used up what the server allows it"),
    1227: _DENIED,
    1235: Fault(StatementInvalid, "this version of the server does not support the statement"),
    1243: Fault(StatementInvalid, "the server has forgotten the prepared statement", "execute again"),
    1251: Fault(ConnectFailed, "the server's way of logging in is not supported"),
    1264: _RANGE,
    1265: _VALUE,
    1290: Fault(PermissionRejected, "the server runs with an option that does not allow this"),
    1292: _VALUE,
    1297: _SERVER,
    1298: Fault(ParameterInvalid, "a value is no time zone that the server knows"),
    1300: Fault(ParameterInvalid, "a text holds a character that the database cannot store"),
    1301: _TOO_LARGE,
    1317: _CANCELLED,
    1364: _MISSING,
    1365: Fault(ParameterInvalid, "a number was divided by zero"),
    1366: _VALUE,
    1367: _VALUE,
    1369: Fault(ConstraintViolated, "the row does not satisfy the view's check option"),
    1370: _DENIED,
    1396: _HOST,
    1406: _LONG,
    1410: _DENIED,
    1411: _VALUE,
    1416: _GEOMETRY,
    1426: _RANGE,
    1436: Fault(ResourceExhausted, "the server's stack is too small for the statement"),
    1441: Fault(ParameterInvalid, "a date or time is out of range"),
    1451: _REFERENCE,
    1452: _REFERENCE,
    1461: Fault(ResourceExhausted, "the server keeps no more prepared statements"),
    1517: _DUPLICATE,
    1557: _DUPLICATE,
    1586: _DUPLICATE,
    1588: _RANGE,
    1615: _STALE,
    1644: Fault(ConstraintViolated, "a procedure or trigger of the database refused this"),
    1690: _RANGE,
    1698: _REFUSED,
    1702: _SERVER,
    1785: _SERVER,
    1792: _READ_ONLY,
    1820: Fault(CredentialsRejected, "the account's password has expired"),
    1836: Fault(PermissionRejected, "the server is read-only"),
    1862: Fault(CredentialsRejected, "the account's password has expired"),
    1884: _DAMAGED,
    1903: _VALUE,
    1927: _DOWN,
    1969: Fault(ExecutionTimeout, "the statement took longer than the server allows"),
    2013: _DOWN,
    2059: Fault(ConnectFailed, "the server's way of logging in is not supported"),
    3020: _VALUE,
    3024: Fault(ExecutionTimeout, "the statement took longer than the server allows"),
    3037: _GEOMETRY,
    3055: _GEOMETRY,
    3100: _SERVER,
    3118: Fault(CredentialsRejected, "the account is locked"),
    3140: _JSON,
    3141: _JSON,
    3143: Fault(ParameterInvalid, "a value is no path into JSON"),
    3144: _JSON,
    3146: _JSON,
    3159: Fault(
        CredentialsRejected, "the server lets this account in over TLS only", "choose a tlsMode other than disable"
    ),
    3572: _LOCKED,
    3617: _GEOMETRY,
    3618: _GEOMETRY,
    3732: _GEOMETRY,
    3819: _CHECK,
    3821: _CHECK,
    4025: _CHECK,
    4031: _DOWN,
    4038: _JSON,
    4039: _JSON,
    4042: Fault(ParameterInvalid, "a value is no path into JSON"),
    4151: Fault(CredentialsRejected, "the account is locked"),
}
"""Rows of MySQL's and MariaDB's error numbers that mean more than their SQLSTATE says."""

_CLASSES: Final[Mapping[str, Fault]] = {
    "08": _DOWN,
    "0A": Fault(StatementInvalid, "this version of the server does not support the statement"),
    "21": Fault(StatementInvalid, "the numbers of columns and values do not match"),
    "22": Fault(ParameterInvalid, "a value does not fit where the statement uses it"),
    "23": Fault(ConstraintViolated, "a constraint of the database refused the change"),
    "25": Fault(StatementInvalid, "the statement is not possible in this transaction"),
    "28": _REFUSED,
    "40": Fault(ResourceExhausted, "the server rolled the transaction back", "execute again"),
    "45": Fault(ConstraintViolated, "a procedure or trigger of the database refused this"),
    "70": _CANCELLED,
    "XA": Fault(StatementInvalid, "the statement is not possible in this transaction"),
}
_OTHER: Final = Fault(StatementInvalid, "the server does not accept the statement")


def fault_of(number: int, state: str) -> Fault:
    """Return what an error means: its number's own row, else its SQLSTATE's class's."""
    return _CODES.get(number) or _CLASSES.get(state[:2], _OTHER)
