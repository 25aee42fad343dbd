"""Run one command, tell what went wrong, and return the exit code.

Standard output holds what was asked for and nothing else; all that goes wrong is told on standard error. Exit codes:
0 done, 1 failed, 2 wrong usage, 78 wrong settings (sysexits' EX_CONFIG): nothing was started.
"""

import os
import sys
from collections.abc import Sequence
from typing import Final

from appsmith_proxy import logs
from appsmith_proxy.cli.running import FAILED
from appsmith_proxy.cli.table import command_parser
from appsmith_proxy.errors import ConfigurationError, ProxyError, describe

MISCONFIGURED: Final = 78


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code. Never a traceback: it would quote what passed through."""
    arguments = command_parser().parse_args(argv)
    logs.set_up("error")  # until the settings of ``serve`` say otherwise
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except ConfigurationError as error:
        _complain(error)
        return MISCONFIGURED
    except ProxyError as error:
        _complain(error)
        return FAILED
    except BrokenPipeError:
        # Whoever read us has enough (``| head``); what Python still holds back must not fail once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return FAILED
    except Exception as error:  # noqa: BLE001  # reason: the last place where a defect can be told without its values
        print(f"appsmith-proxy: a defect of the proxy: {describe(error)}", file=sys.stderr)
        return FAILED
    return code


def _complain(error: ProxyError) -> None:
    print(f"appsmith-proxy: {error.message}", file=sys.stderr)
    for problem in error.details:
        where = f"{problem.path}: " if problem.path else ""
        hint = f" ({problem.hint})" if problem.hint else ""
        print(f"  - {where}{problem.message}{hint}", file=sys.stderr)
    if error.hint:
        print(f"  {error.hint}", file=sys.stderr)
