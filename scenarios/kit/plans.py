"""How the database goes about a statement: what it finds by an index, and what it reads in full.

    with measure(engine) as cost:
        client.get(f"/orders/{number}")
    for statement in cost.reads:
        assert "orders" not in scans(read_plan(engine, statement))

A small table fools a planner, since reading all of it is cheapest. So PostgreSQL is asked with
sequential scans switched off: one that is still in the plan is there because no index serves. And
it must not know how small a table is: the databases of the kit keep no statistics, without which it
plans for some hundred rows. SQLite knows nothing of a table's size unless somebody has run ANALYZE,
and plans for a large one. The plan is read on a fresh connection, as one from the pool keeps the
plans that it made before an index came or went.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import NullPool

from scenarios.kit.meters import Statement

# The nodes that ask their first part for a row only when they are asked for one.
_PASSES_ON = ("Nested Loop", "LockRows", "Limit")
_SQLITE_ACCESS = re.compile(
    r"(SCAN|SEARCH) (?!\d* ?CONSTANT)(\w+)"
    r"(?: USING (AUTOMATIC )?(?:PARTIAL |COVERING )*INDEX (\w+)?)?"
)


class How(StrEnum):
    """A way to the rows of a table.

    A search goes by a condition on an index. A walk goes along an index and stops after the first
    rows, with nothing to pass over. A scan may have to read everything, be it along an index.
    """

    SEARCH = "search"
    WALK = "walk"
    SCAN = "scan"


@dataclass(frozen=True, slots=True)
class Access:
    """One way that a plan takes into one table, and the index it uses, if any."""

    table: str
    how: How
    index: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a database means to do: `sorts` when no index keeps the order that is asked for.

    `text` is the plan in the database's own words.
    """

    accesses: tuple[Access, ...]
    sorts: bool
    text: str


def read_plan(engine: Engine, statement: Statement) -> Plan:
    """Ask the database for its plan of a statement, which is not run."""
    many = statement.parameters
    parameters = many[0] if isinstance(many, list) else many
    fresh = create_engine(engine.url, poolclass=NullPool)
    with fresh.connect() as connection:
        if engine.dialect.name == "postgresql":
            return _read_postgresql(connection, statement.sql, parameters)
        return _read_sqlite(connection, statement.sql, parameters)


def scans(plan: Plan) -> set[str]:
    """Return the tables that are read in full, so that the statement slows down as they grow."""
    return {access.table for access in plan.accesses if access.how is How.SCAN}


def uses_index(plan: Plan, index: str) -> bool:
    """Tell whether the plan goes through an index of this name."""
    return any(access.index == index for access in plan.accesses)


def _read_sqlite(connection: Connection, sql: str, parameters: Any) -> Plan:
    plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters).all()
    text = "\n".join(row.detail for row in plan)
    sorts = "USE TEMP B-TREE FOR" in text
    # SQLite does not say what it passes over on its way, nor where it stops.
    stops = bool(re.search(r"\bLIMIT\b", sql)) and not sorts and not re.search(r"\bWHERE\b", sql)
    accesses: list[Access] = []
    for row in plan:
        if found := _SQLITE_ACCESS.match(row.detail):
            # Only the outermost loop stops: what is inside it is done again for each row.
            accesses.append(_parse_sqlite(found, sql, stops and not row.parent and not accesses))
    return Plan(tuple(accesses), sorts, text)


def _parse_sqlite(found: re.Match[str], sql: str, stops: bool) -> Access:
    verb, name, is_automatic, index = found.groups()
    how = How.SEARCH if verb == "SEARCH" else How.WALK if stops else How.SCAN
    # The plan has the table's alias, and an automatic index is made by reading all of the table.
    alias = re.search(rf'(\w+)"? AS "?{name}\b', sql)
    return Access(alias[1] if alias else name, How.SCAN if is_automatic else how, index)


def _read_postgresql(connection: Connection, sql: str, parameters: Any) -> Plan:
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {sql}", parameters).scalar_one()
    nodes = list(_nodes(plan[0]["Plan"], stops=False))
    sorts = any(node["Node Type"].endswith("Sort") for node, _ in nodes)
    accesses = (_parse_postgresql(node, stops) for node, stops in nodes)
    return Plan(tuple(filter(None, accesses)), sorts, json.dumps(plan, indent=1))


def _nodes(node: Mapping[str, Any], *, stops: bool) -> Iterator[tuple[Mapping[str, Any], bool]]:
    """Yield each node, and whether it is asked for its first rows only."""
    yield node, stops
    is_passed_on = node["Node Type"] in _PASSES_ON
    for nth, part in enumerate(node.get("Plans", ())):
        yield from _nodes(
            part, stops=node["Node Type"] == "Limit" or (stops and is_passed_on and not nth)
        )


def _parse_postgresql(node: Mapping[str, Any], stops: bool) -> Access | None:
    kind, table = node["Node Type"], node.get("Relation Name", "")
    if kind == "Bitmap Heap Scan":
        kind = "Index Scan"
        while "Plans" in node:
            node = node["Plans"][0]
    if kind not in ("Seq Scan", "Index Scan", "Index Only Scan"):
        return None
    how = How.SEARCH if "Index Cond" in node else How.SCAN
    if how is How.SCAN and "Index Name" in node and stops and "Filter" not in node:
        how = How.WALK
    return Access(table, how, node.get("Index Name"))
