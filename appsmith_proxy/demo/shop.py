"""The sample database: a shop with customers, products, orders and order lines. The same rows each time."""

import random
import sqlite3
from pathlib import Path
from typing import Final

CUSTOMERS: Final = 400
PRODUCTS: Final = 60
ORDERS: Final = 1_500

_SCHEMA: Final = """
CREATE TABLE customers (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE, city TEXT NOT NULL, country TEXT NOT NULL,
    owner_email TEXT NOT NULL
);
CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT NOT NULL, category TEXT NOT NULL, price_cents INTEGER NOT NULL);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers (id), ordered_on TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open', 'paid', 'shipped', 'returned'))
);
CREATE TABLE order_lines (
    order_id INTEGER NOT NULL REFERENCES orders (id), line INTEGER NOT NULL,
    product_id INTEGER NOT NULL REFERENCES products (id), quantity INTEGER NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (order_id, line)
);
CREATE TABLE notes (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers (id), text TEXT NOT NULL);
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


def make_shop(path: Path, *, owner_email: str) -> int:
    """Write the sample database to a new file and return how many rows it holds.

    Every fourth customer belongs to ``owner_email``: what the action with a trusted binding shows.
    """
    dice = random.Random(20240229)  # noqa: S311  # reason: sample data, the same each time
    with sqlite3.connect(path) as database:
        database.executescript(_SCHEMA)
        database.executemany(
            "INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?)",
            [_customer(number, dice, owner_email) for number in range(1, CUSTOMERS + 1)],
        )
        database.executemany(
            "INSERT INTO products VALUES (?, ?, ?, ?)",
            [
                (n, f"Article {n:03d}", _CATEGORIES[n % len(_CATEGORIES)], dice.randrange(150, 25_000))
                for n in range(1, PRODUCTS + 1)
            ],
        )
        for order in range(1, ORDERS + 1):
            ordered_on = f"2026-{dice.randrange(1, 13):02d}-{dice.randrange(1, 29):02d}"
            database.execute(
                "INSERT INTO orders VALUES (?, ?, ?, ?)",
                (order, dice.randrange(1, CUSTOMERS + 1), ordered_on, dice.choice(_STATUSES)),
            )
            database.executemany(
                "INSERT INTO order_lines VALUES (?, ?, ?, ?)",
                [
                    (order, line, dice.randrange(1, PRODUCTS + 1), dice.randrange(1, 9))
                    for line in range(1, dice.randrange(2, 5))
                ],
            )
        tables = ("customers", "products", "orders", "order_lines")
        counts = [database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]  # noqa: S608  # reason: constants
    database.close()
    path.chmod(0o600)
    return sum(counts)


def _customer(number: int, dice: random.Random, owner_email: str) -> tuple[int, str, str, str, str, str]:
    city, country = _CITIES[number % len(_CITIES)]
    name = f"{city} {dice.choice(_TRADES)} {number}"
    owner = owner_email if number % 4 == 0 else f"owner{number % 7}@shop.example"
    return number, name, f"customer{number}@shop.example", city, country, owner
