"""The server between browsers and databases: stored actions, prepared statements, sealed credentials."""

__version__ = "0.1.0"
