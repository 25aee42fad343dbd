"""The sample data: a shop with customers, products, orders and order lines. The same rows each time, in each database."""

import random
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

Row: TypeAlias = tuple[int | str, ...]

CUSTOMERS: Final = 400
PRODUCTS: Final = 60
ORDERS: Final = 1_500

COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    "customers": ("id", "name", "email", "city", "country", "owner_email"),
    "products": ("id", "name", "category", "price_cents"),
    "orders": ("id", "customer_id", "ordered_on", "status"),
    "order_lines": ("order_id", "line", "product_id", "quantity"),
}
"""Of the tables that have rows from the start, in the order in which they may be filled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What SQL databases call the same thing differently."""

    text: str
    date: str
    generated: str
    """A key that the database gives."""


SQLITE: Final = Words(text="TEXT", date="TEXT", generated="INTEGER PRIMARY KEY")


def schema(words: Words) -> list[str]:
    """Return the statements that make the shop's tables."""
    return [
        statement.format(text=words.text, date=words.date, generated=words.generated).strip()
        for statement in _SCHEMA.split(";")
        if statement.strip()
    ]


def shop_rows(*, owner_email: str) -> dict[str, list[Row]]:
    """Return the rows of each table of ``COLUMNS``.

    Every fourth customer belongs to ``owner_email``: what the action with a trusted binding shows.
    """
    dice = random.Random(20240229)  # noqa: S311  # reason: sample data, the same each time
    rows: dict[str, list[Row]] = {table: [] for table in COLUMNS}
    rows["customers"] = [_customer(number, dice, owner_email) for number in range(1, CUSTOMERS + 1)]
    rows["products"] = [
        (n, f"Article {n:03d}", _CATEGORIES[n % len(_CATEGORIES)], dice.randrange(150, 25_000))
        for n in range(1, PRODUCTS + 1)
    ]
    for order in range(1, ORDERS + 1):
        ordered_on = f"2026-{dice.randrange(1, 13):02d}-{dice.randrange(1, 29):02d}"
        rows["orders"].append((order, dice.randrange(1, CUSTOMERS + 1), ordered_on, dice.choice(_STATUSES)))
        rows["order_lines"] += [
            (order, line, dice.randrange(1, PRODUCTS + 1), dice.randrange(1, 9))
            for line in range(1, dice.randrange(2, 5))
        ]
    return rows


def make_shop(path: Path, *, owner_email: str) -> None:
    """Write the shop to a new SQLite file."""
    with sqlite3.connect(path) as database:
        for statement in schema(SQLITE):
            database.execute(statement)
        for table, rows in shop_rows(owner_email=owner_email).items():
            places = ", ".join("?" for _ in COLUMNS[table])
            database.executemany(f"INSERT INTO {table} VALUES ({places})", rows)  # noqa: S608  # reason: constants
    database.close()
    path.chmod(0o600)


_SCHEMA: Final = """
CREATE TABLE customers (
    id INTEGER PRIMARY KEY, name {text} NOT NULL, email {text} NOT NULL UNIQUE, city {text} NOT NULL,
    country {text} NOT NULL, owner_email {text} NOT NULL
);
CREATE TABLE products (
    id INTEGER PRIMARY KEY, name {text} NOT NULL, category {text} NOT NULL, price_cents INTEGER NOT NULL
);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers (id), ordered_on {date} NOT NULL,
    status {text} NOT NULL CHECK (status IN ('open', 'paid', 'shipped', 'returned'))
);
CREATE TABLE order_lines (
    order_id INTEGER NOT NULL REFERENCES orders (id), line INTEGER NOT NULL,
    product_id INTEGER NOT NULL REFERENCES products (id), quantity INTEGER NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (order_id, line)
);
CREATE TABLE notes (
    id {generated}, customer_id INTEGER NOT NULL REFERENCES customers (id), text {text} NOT NULL
);
CREATE INDEX orders_by_customer ON orders (customer_id);
"""

_CITIES: Final = (
    ("Lisbon", "PT"), ("Porto", "PT"), ("Bergen", "NO"), ("Oslo", "NO"), ("Kyoto", "JP"), ("Osaka", "JP"),
    ("Quito", "EC"), ("Lyon", "FR"), ("Nantes", "FR"), ("Accra", "GH"), ("Tartu", "EE"), ("Pune", "IN"),
)  # fmt: skip
_TRADES: Final = (
    "Bakery",
    "Books",
    "Cycles",
    "Dairy",
    "Flowers",
    "Garage",
    "Hardware",
    "Joinery",
    "Pottery",
    "Tea 100%",
)
_CATEGORIES: Final = ("paper", "tools", "kitchen", "garden")
_STATUSES: Final = ("open", "paid", "shipped", "returned")


def _customer(number: int, dice: random.Random, owner_email: str) -> Row:
    city, country = _CITIES[number % len(_CITIES)]
    name = f"{city} {dice.choice(_TRADES)} {number}"
    owner = owner_email if number % 4 == 0 else f"owner{number % 7}@shop.example"
    return number, name, f"customer{number}@shop.example", city, country, owner
