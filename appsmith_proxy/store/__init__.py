"""Where configuration is kept: the ConfigStore contract, a memory version, SQLite. Sealed secrets are opaque bytes here."""
