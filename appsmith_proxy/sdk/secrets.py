"""A secret in memory: it shows itself only when asked by name."""

from typing import NoReturn, final


@final
class Secret:
    """Hold one unsealed secret. ``str``, ``repr``, formatting, pickling and copying never show it."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """Return the secret itself. Pass it on at once; keep it nowhere."""
        return self.__value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "Secret(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied")

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("compare secrets with hmac.compare_digest on reveal()")

    __hash__ = None  # type: ignore[assignment]  # reason: a secret is never a key
