"""Finding drivers: discovery, quarantine, typed calls. pluggy is imported here and in sdk/hooks.py only."""
