"""Where configuration is kept: the ConfigStore contract, a memory version, SQLite, MongoDB. Sealed secrets are opaque bytes here."""
