"""The sample actions as a table: what each shows, how it is written, and values to try it with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.sdk import ParameterType

SHOP: Final = "shop"
WAREHOUSE: Final = "warehouse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One sample action."""

    name: str
    shows: str
    datasource: str
    configuration: Mapping[str, Any]
    parameters: tuple[DeclaredParameter, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    """Values to execute it with."""


def _integer(name: str, **rules: Any) -> DeclaredParameter:
    return DeclaredParameter(name=name, type=ParameterType.INTEGER, **rules)


SAMPLES: Final = (
    Sample(
        name="CustomerById",
        shows="a lookup by key",
        datasource=SHOP,
        configuration={"body": "SELECT id, name, email, city FROM customers WHERE id = {{ customer_id }}"},
        parameters=(_integer("customer_id"),),
        params={"customer_id": 17},
    ),
    Sample(
        name="SearchCustomers",
        shows="a binding inside a LIKE pattern; % and _ in it are escaped",
        datasource=SHOP,
        configuration={
            "body": "SELECT id, name, city FROM customers WHERE name LIKE '%{{ Search.text }}%' ORDER BY id LIMIT 5"
        },
        params={"Search.text": "100%"},
    ),
    Sample(
        name="OrdersByStatus",
        shows="a list in IN",
        datasource=SHOP,
        configuration={
            "body": "SELECT status, count(*) AS orders FROM orders WHERE status IN ({{ statuses }}) GROUP BY status ORDER BY status"
        },
        parameters=(DeclaredParameter(name="statuses", type=ParameterType.TEXT, is_list=True),),
        params={"statuses": ["open", "paid"]},
    ),
    Sample(
        name="CustomerPage",
        shows="paging with LIMIT and OFFSET, with a default",
        datasource=SHOP,
        configuration={"body": "SELECT id, name FROM customers ORDER BY id LIMIT {{ size }} OFFSET {{ start }}"},
        parameters=(
            _integer("size", required=False, default=5, has_default=True, min=1, max=100),
            _integer("start", required=False, default=0, has_default=True, min=0),
        ),
        params={"start": 20},
    ),
    Sample(
        name="MyCustomers",
        shows="a trusted name: the server fills it in, a browser cannot forge it",
        datasource=SHOP,
        configuration={
            "body": "SELECT id, name, owner_email FROM customers WHERE owner_email = {{ appsmith.user.email }} ORDER BY id LIMIT 5"
        },
    ),
    Sample(
        name="OrderTotals",
        shows="a join with an aggregate",
        datasource=SHOP,
        configuration={
            "body": "SELECT o.id, o.ordered_on, sum(l.quantity * p.price_cents) AS total_cents FROM orders AS o "
            "JOIN order_lines AS l ON l.order_id = o.id JOIN products AS p ON p.id = l.product_id "
            "WHERE o.customer_id = {{ customer_id }} GROUP BY o.id ORDER BY o.id"
        },
        parameters=(_integer("customer_id"),),
        params={"customer_id": 17},
    ),
    Sample(
        name="OrdersBetween",
        shows="two dates, checked before anything is sent",
        datasource=SHOP,
        configuration={
            "body": "SELECT count(*) AS orders FROM orders WHERE ordered_on BETWEEN {{ from }} AND {{ to }}"
        },
        parameters=(
            DeclaredParameter(name="from", type=ParameterType.DATE),
            DeclaredParameter(name="to", type=ParameterType.DATE),
        ),
        params={"from": "2026-03-01", "to": "2026-03-31"},
    ),
    Sample(
        name="AddNote",
        shows="an insert; quotes in the value stay data",
        datasource=SHOP,
        configuration={"body": "INSERT INTO notes (customer_id, text) VALUES ({{ customer_id }}, '{{ Note.text }}')"},
        parameters=(
            _integer("customer_id"),
            DeclaredParameter(name="Note.text", type=ParameterType.TEXT, min_length=1, max_length=500),
        ),
        params={"customer_id": 17, "Note.text": "called; said '); DROP TABLE notes; --"},
    ),
    Sample(
        name="NotesOfCustomer",
        shows="what the insert stored",
        datasource=SHOP,
        configuration={"body": "SELECT text FROM notes WHERE customer_id = {{ customer_id }} ORDER BY id DESC LIMIT 3"},
        parameters=(_integer("customer_id"),),
        params={"customer_id": 17},
    ),
    Sample(
        name="StockOfProduct",
        shows="REST with a binding in the path and a sealed API key",
        datasource=WAREHOUSE,
        configuration={"method": "GET", "path": "/stock/{{ product_id }}"},
        params={"product_id": 12},
    ),
    Sample(
        name="CountriesByPrefix",
        shows="REST with a binding in the query",
        datasource=WAREHOUSE,
        configuration={
            "method": "GET",
            "path": "/countries",
            "query": [{"name": "prefix", "value": "{{ Prefix.text }}"}],
        },
        params={"Prefix.text": "e"},
    ),
    Sample(
        name="ShippingQuote",
        shows="REST with values at the leaves of a JSON body",
        datasource=WAREHOUSE,
        configuration={
            "method": "POST",
            "path": "/quotes",
            "bodyType": "json",
            "body": '{"to": "{{ country }}", "lines": [{"product": {{ product_id }}, "quantity": {{ quantity }}}]}',
        },
        params={"country": "PT", "product_id": 12, "quantity": 3},
    ),
)

POSTGRES: Final = (
    Sample(
        name="PgCustomerById",
        shows="PostgreSQL: nothing to declare, its own prepare says the type",
        datasource="postgres",
        configuration={"body": "SELECT id, name, email, city FROM customers WHERE id = {{ customer_id }}"},
        params={"customer_id": 17},
    ),
    Sample(
        name="PgRevenueByMonth",
        shows="decimals exactly, as the database writes them",
        datasource="postgres",
        configuration={
            "body": "SELECT to_char(o.ordered_on, 'YYYY-MM') AS month, sum(l.quantity * p.price_cents) / 100.0 AS revenue "
            "FROM orders AS o JOIN order_lines AS l ON l.order_id = o.id JOIN products AS p ON p.id = l.product_id "
            "WHERE o.ordered_on >= {{ from }} GROUP BY month ORDER BY month LIMIT 3"
        },
        params={"from": "2026-06-01"},
    ),
    Sample(
        name="PgOrdersByStatus",
        shows="a list in IN: one statement for every length (= ANY)",
        datasource="postgres",
        configuration={
            "body": "SELECT status, count(*) AS orders FROM orders WHERE status IN ({{ statuses }}) GROUP BY status ORDER BY status"
        },
        params={"statuses": ["open", "paid"]},
    ),
    Sample(
        name="PgAddNote",
        shows="an insert that returns what it made",
        datasource="postgres",
        configuration={
            "body": "INSERT INTO notes (customer_id, text) VALUES ({{ customer_id }}, {{ Note.text }}) RETURNING id, text"
        },
        params={"customer_id": 17, "Note.text": "called; said '); DROP TABLE notes; --"},
    ),
)

MYSQL: Final = (
    Sample(
        name="MySqlCustomerById",
        shows="MySQL: a true prepared statement; it reports no types, so they are declared",
        datasource="mysql",
        configuration={"body": "SELECT id, name, email, city FROM customers WHERE id = {{ customer_id }}"},
        parameters=(_integer("customer_id"),),
        params={"customer_id": 17},
    ),
    Sample(
        name="MySqlSearchCustomers",
        shows="a binding inside a LIKE pattern: CONCAT, and % and _ in it are escaped",
        datasource="mysql",
        configuration={
            "body": "SELECT id, name, city FROM customers WHERE name LIKE '%{{ Search.text }}%' ORDER BY id LIMIT 3"
        },
        parameters=(DeclaredParameter(name="Search.text", type=ParameterType.TEXT),),
        params={"Search.text": "100%"},
    ),
    Sample(
        name="MySqlOrdersByStatus",
        shows="a list in IN: a handful of statements for every length",
        datasource="mysql",
        configuration={
            "body": "SELECT status, count(*) AS orders FROM orders WHERE status IN ({{ statuses }}) GROUP BY status ORDER BY status"
        },
        parameters=(DeclaredParameter(name="statuses", type=ParameterType.TEXT, is_list=True),),
        params={"statuses": ["open", "paid", "shipped"]},
    ),
    Sample(
        name="MySqlAddNote",
        shows="an insert; quotes and backslashes in the value stay data",
        datasource="mysql",
        configuration={"body": "INSERT INTO notes (customer_id, text) VALUES ({{ customer_id }}, {{ Note.text }})"},
        parameters=(_integer("customer_id"), DeclaredParameter(name="Note.text", type=ParameterType.TEXT)),
        params={"customer_id": 17, "Note.text": "called; said \\'); DROP TABLE notes; --"},
    ),
)

MONGODB: Final = (
    Sample(
        name="MongoCustomerById",
        shows="MongoDB: the filter is a tree, and a value stands at a leaf of it",
        datasource="mongodb",
        configuration={"operation": "find", "collection": "customers", "filter": '{"_id": {{ customer_id }}}'},
        parameters=(_integer("customer_id"),),
        params={"customer_id": 17},
    ),
    Sample(
        name="MongoOrdersByStatus",
        shows="a pipeline with a list",
        datasource="mongodb",
        configuration={
            "operation": "aggregate",
            "collection": "orders",
            "pipeline": '[{"$match": {"status": {"$in": {{ statuses }}}}},'
            ' {"$group": {"_id": "$status", "orders": {"$sum": 1}}}, {"$sort": {"_id": 1}}]',
        },
        parameters=(DeclaredParameter(name="statuses", type=ParameterType.TEXT, is_list=True),),
        params={"statuses": ["open", "paid"]},
    ),
    Sample(
        name="MongoCountInCity",
        shows="how many, without their documents",
        datasource="mongodb",
        configuration={"operation": "count", "collection": "customers", "filter": '{"city": "{{ city }}"}'},
        params={"city": "Porto"},
    ),
    Sample(
        name="MongoAddNote",
        shows="an insert; what looks like an operator stays text",
        datasource="mongodb",
        configuration={
            "operation": "insert",
            "collection": "notes",
            "documents": '{"customer_id": {{ customer_id }}, "text": "{{ Note.text }}"}',
        },
        parameters=(_integer("customer_id"), DeclaredParameter(name="Note.text", type=ParameterType.TEXT)),
        params={"customer_id": 17, "Note.text": '{"$where": "sleep(1000)"}'},
    ),
)
