"""MongoDB on motor."""
