"""The reference pages that are made from code: ``python -m docs.build`` writes them, a house test compares.

The page of settings and the drivers' pages are written by people; between two markers they hold tables from code.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from appsmith_proxy.access.reference import permissions_page
from appsmith_proxy.errors import ProxyError, all_errors
from appsmith_proxy.registry import Registry
from appsmith_proxy.sdk import ActionField, Driver, Field
from appsmith_proxy.settings import settings_table
from appsmith_proxy.testing.reference import driver_contract_page
from appsmith_proxy.web.reference import api_page
from appsmith_proxy.web.statuses import status_of

HERE: Final = Path(__file__).parent


def errors_page() -> str:
    """Return ``reference/errors.md``: every code, whose fault it is, and what it means."""
    return f"""# Errors

Every failure has a code, which is the name of a class in `appsmith_proxy/errors/` and never changes, an origin (whose
fault it is), a message that says what and where, and often a hint that says what to do. Messages never hold a secret, a
statement or a value.

A failed *request* has the HTTP status of the table. A failed *query* on the execute call has status 200 with
`isExecutionSuccess: false` and the code in `statusCode`. A datasource's own texts are shown to editors only; a viewer
gets the code, the title, the execution id and the words of the action's `userMessages`.

{_table(("code", "origin", "status", "retry", "title", "meaning"), map(_error_row, all_errors()))}

*Retry* says that the same request may succeed in a moment.

## What became of the work

A failed execution says in `outcome` what became of it: `not_sent` (it did not run), `rolled_back` (nothing of it
stayed), or `unknown` (it may have taken effect).

This page is made from `appsmith_proxy/errors/` by `python -m docs.build`; a test compares.
"""


def driver_page(kind: str) -> str:
    """Return the tables of one of our own drivers: fields of a datasource, of an action, and the operator's options."""
    driver = Registry.discover().driver(kind)
    capabilities = ", ".join(f"`{capability}`" for capability in sorted(driver.capabilities)) or "none"
    parts = [
        f"Kind `{driver.kind}`, contract version {driver.api_version}. Capabilities: {capabilities}.",
        "Configuration of a datasource:",
        _fields(driver.fields),
        "Configuration of an action:",
        _fields(driver.actions),
    ]
    if driver.options:
        parts += ["What an operator sets:", _options(driver)]
    return "\n\n".join(parts)


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "reference/api.md": api_page,
    "reference/driver-contract.md": driver_contract_page,
    "reference/errors.md": errors_page,
    "reference/permissions.md": permissions_page,
}
"""Path → the whole page."""

START: Final = "<!-- made by docs/build.py -->"
END: Final = "<!-- end -->"


def built() -> Iterator[tuple[Path, str]]:
    """Yield every page that is made, wholly or in part, as it should be."""
    for name, page in PAGES.items():
        yield HERE / name, page()
    settings = HERE / "reference" / "settings.md"
    for path in (settings, *sorted((HERE / "drivers").glob("*.md"))):
        before, marker, rest = path.read_text(encoding="utf-8").partition(START)
        if marker:
            part = settings_table().strip() if path == settings else driver_page(path.stem)
            yield path, f"{before}{START}\n\n{part}\n\n{END}{rest.partition(END)[2]}"


def main() -> int:
    """Write the pages that differ."""
    for path, text in built():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{path.relative_to(HERE.parent)}\n")
    return 0


def _error_row(error: type[ProxyError]) -> tuple[str, ...]:
    first = (error.__doc__ or "").strip().split("\n\n")[0]
    return (
        f"`{error.__name__}`",
        error.origin.value,
        str(status_of(error(""))),
        "yes" if error.retryable else "",
        error.title,
        " ".join(first.split()),
    )


def _fields(rows: tuple[Field, ...]) -> str:
    return _table(("name", "what", "rules"), (_field_row(row) for row in rows))


def _field_row(row: Field) -> tuple[str, ...]:
    rules = [row.type.value]
    if row.required:
        rules.append("required")
    if row.secret:
        rules.append("secret")
    if row.destination:
        rules.append("destination")
    if row.default is not None:
        rules.append(f"default `{str(row.default).lower() if isinstance(row.default, bool) else row.default}`")
    if row.choices:
        rules.append(" / ".join(f"`{choice}`" for choice in row.choices))
    if row.minimum is not None or row.maximum is not None:
        rules.append(f"{row.minimum if row.minimum is not None else ''} to {row.maximum or ''}".strip())
    if row.shown_when is not None:
        rules.append(f"only when `{row.shown_when[0]}` is {' or '.join(row.shown_when[1])}")
    if isinstance(row, ActionField):
        rules.append(f"bindings as {row.place.value}" if row.place.value != "none" else "no bindings")
    return f"`{row.name}`", f"{row.label}. {row.help}".strip(), ", ".join(rules)


def _options(driver: Driver) -> str:
    prefix = f"APPSMITH_PROXY_DRIVER_{driver.kind.upper()}_"
    return _table(("environment", "what"), ((f"`{prefix}{row.name.upper()}`", row.help) for row in driver.options))


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
