"""The operators' log: one JSON object a line on standard error, control characters escaped. Never a value or a secret."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final

_OURS: Final = "appsmith_proxy"
_REQUESTS: Final = "appsmith_proxy.web.requests"


class JsonLines(logging.Formatter):
    """Write a record as one JSON object. Exceptions are named by class only: their texts quote values."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, whatever the message holds."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            # Libraries and strangers' drivers put statements and values into their messages: only the place is told.
            "message": record.getMessage() if _is_ours(record.name) else f"{record.module}:{record.lineno}",
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__qualname__
        return json.dumps(line)


def set_up(level: str, *, requests: bool = False) -> None:
    """Send the log of this process to standard error. Called by the command line, nowhere else.

    Args:
        level: the least level that is told.
        requests: also tell one line a request, at level ``info``.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger(_REQUESTS).setLevel(logging.NOTSET if requests else logging.WARNING)


def _is_ours(logger: str) -> bool:
    return f"{logger}.".startswith(f"{_OURS}.")
