"""The audit trail: metadata of what was done, never a value. Its contract, and an in-memory ring for now."""
