"""All rows of a PostgreSQL schema `public`, taken out and put back as one text.

They are put back in one transaction and in place, so whatever stops it leaves the old rows, a shell
that is open sees the new ones next, and nobody needs the right to create databases. That holds as
long as the tables are what they were: a list of all that is declared tells whether they are.
"""

import json

import sqlalchemy as sa

_DECLARED = """
SELECT concat_ws(' ', oid::regclass, relkind, relrowsecurity, relhasrules)
FROM pg_class WHERE relnamespace = 'public'::regnamespace
UNION ALL
SELECT to_json(columns)::text FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL
SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid))
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT concat_ws(' ', oid::regprocedure, md5(prosrc))
FROM pg_proc WHERE pronamespace = 'public'::regnamespace
"""
_SEQUENCES = """
SELECT quote_ident(sequencename), coalesce(last_value, start_value), last_value IS NOT NULL
FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1
"""
_BYTES = """
SELECT sum(pg_total_relation_size(oid))
FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""
_MANY_BYTES = 16 * 1024 * 1024


def tables_in_order(connection: sa.Connection) -> list[str]:
    """Return all tables, quoted, each after those that it refers to."""
    quote = connection.dialect.identifier_preparer.quote
    found = sa.inspect(connection).get_sorted_table_and_fkc_names("public")
    return [quote(name) for name, _ in found if name]


def take_rows(connection: sa.Connection) -> str:
    """Return everything that `put_rows_back` needs."""
    _read_alike(connection)
    rows = "SELECT json_agg(kept)::text FROM {} AS kept"
    return json.dumps(
        {
            "declared": _declared(connection),
            "tables": [
                [table, connection.scalar(sa.text(rows.format(table)))]
                for table in tables_in_order(connection)
            ],
            "sequences": [list(row) for row in connection.execute(sa.text(_SEQUENCES))],
        }
    )


def put_rows_back(connection: sa.Connection, taken: str) -> bool:
    """Replace all rows by those that were taken; tell whether the tables are still what they were.

    When they are not, nothing is changed.
    """
    _read_alike(connection)
    kept = json.loads(taken)
    if _declared(connection) != kept["declared"]:
        return False
    _empty(connection, [table for table, _rows in kept["tables"]])
    for table, rows in kept["tables"]:
        if rows:
            records = f"json_populate_recordset(NULL::{table}, CAST(:rows AS json))"
            insert = sa.text(f"INSERT INTO {table} SELECT * FROM {records}")  # noqa: S608
            connection.execute(insert, {"rows": rows})
    for sequence, last, is_called in kept["sequences"]:
        values = {"sequence": sequence, "last": last, "is_called": is_called}
        connection.execute(sa.text("SELECT setval(:sequence, :last, :is_called)"), values)
    return True


def _declared(connection: sa.Connection) -> list[str]:
    return sorted(connection.scalars(sa.text(_DECLARED)))


def _empty(connection: sa.Connection, tables: list[str]) -> None:
    """Delete every row of tables that are named in the order in which they refer to each other.

    TRUNCATE takes as long for a few rows as for a million, since it makes new files; DELETE is ten
    times as fast for a few.
    """
    names = ", ".join(tables)
    connection.execute(sa.text(f"LOCK TABLE {names} IN EXCLUSIVE MODE"))
    if (connection.scalar(sa.text(_BYTES)) or 0) > _MANY_BYTES:
        connection.execute(sa.text(f"TRUNCATE {names}"))
        return
    for table in reversed(tables):
        connection.execute(sa.text(f"DELETE FROM {table}"))  # noqa: S608


def _read_alike(connection: sa.Connection) -> None:
    # Names without their schema, and moments in one form, whatever this user has set.
    for setting in ("search_path = public", "datestyle = ISO", "timezone = 'UTC'"):
        connection.execute(sa.text(f"SET LOCAL {setting}"))
