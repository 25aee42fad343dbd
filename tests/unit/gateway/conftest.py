"""Fixtures of this room's tests."""

import os
from collections.abc import Callable

import pytest


@pytest.fixture
def open_descriptors() -> Callable[[], int]:
    """Count this process's open descriptors."""
    folder = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    return lambda: len(os.listdir(folder))
