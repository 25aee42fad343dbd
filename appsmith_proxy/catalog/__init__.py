"""The editors' verbs: create, change, test, compile, publish, delete, structure."""
