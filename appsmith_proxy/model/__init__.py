"""The proxy's own nouns: frozen dataclasses, no I/O."""
