"""What the files of broken drivers share."""

from typing import ClassVar


class Broken:
    """The kit's tests that a broken driver must fail; it must pass all others."""

    fails: ClassVar[frozenset[str]] = frozenset()
