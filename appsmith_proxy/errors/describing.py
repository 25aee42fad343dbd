"""Tell an operator what was raised and where, without a text that could quote a value."""

import traceback


def describe(error: BaseException | None, *, causes: int = 5) -> str:
    """Return the class names and places of an exception and its causes, for the log: never its text, which quotes values."""
    parts: list[str] = []
    while error is not None and len(parts) < causes:
        frames = traceback.extract_tb(error.__traceback__)
        where = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        parts.append(f"{type(error).__module__}.{type(error).__qualname__}{where}")
        error = error.__cause__ or error.__context__
    return " caused by ".join(parts) or "nothing was raised"
