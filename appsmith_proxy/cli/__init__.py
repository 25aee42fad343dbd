"""The command line: parses, then delegates. ``appsmith-proxy --help`` lists the commands.

::

    main ──▶ table (every command and its arguments) ──▶ commands (what each does) ──▶ running, showing
"""

from appsmith_proxy.cli.entry import main
from appsmith_proxy.cli.table import COMMANDS

__all__ = ["COMMANDS", "main"]
