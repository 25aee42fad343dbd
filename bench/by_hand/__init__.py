"""The baselines: what a user would write by hand, one module a library, each a process of its own."""
