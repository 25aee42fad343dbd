"""The proxy's own settings: one table, read from the environment first, then from a TOML file, then its defaults.

Every row has the name ``APPSMITH_PROXY_<NAME>`` in the environment and ``<name>`` in the file; secrets stand in the
environment or in the file that ``…_FILE`` names. ``load`` reads and checks, and changes nothing.
"""

from appsmith_proxy.settings.reading import load, option_env
from appsmith_proxy.settings.table import SETTINGS, Setting, Settings, settings_table

__all__ = ["SETTINGS", "Setting", "Settings", "load", "option_env", "settings_table"]
