import json
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from alembic import command
from click.testing import Result
from flask import Flask
from sqlalchemy import Engine, event, inspect, select, text, update
from sqlalchemy.orm import Session

from scenarios.kit.clock import START
from scenarios.kit.interleaving import interleave
from scenarios.kit.settings import settings_for
from scenarios.kit.statements import touches
from seed_data.standard import load_standard_store
from shop import create_app
from shop.cli import upgrade
from shop.db import Model
from shop.models import (
    Allowance,
    Cart,
    CartLine,
    Category,
    Coupon,
    GiftCard,
    Heartbeat,
    Job,
    Order,
    Picture,
    Product,
    Refund,
    Review,
    Shipment,
    SignIn,
    StockItem,
    WebhookEvent,
)
from tests.factories import CustomerFactory, ProductFactory
from tests.shop.test_migrations import config_for
from tests.shop.test_migrations import empty_url as empty_url

TABLES = Model.metadata.sorted_tables
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
into_sqlite = pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)
# Sorted by letters, these stand in another order than by bytes.
CODES = ["DRILL", "drill", "Éclair", "eclair", "DRILL-2"]


def fill(session: Session) -> None:
    """Put something into every table, and every kind of value."""
    load_standard_store(session)
    # Whatever the standard store has, these have nothing yet.
    product_id, customer_id = ProductFactory.create().id, CustomerFactory.create().id
    order = session.scalars(select(Order).order_by(Order.id)).first()
    assert order
    cart = Cart(token="a", checkout_token="b", created_at=START)
    later = START + timedelta(microseconds=1)
    session.add_all(
        [
            *(Coupon(code=c, rate=500, starts_at=START, ends_at=later, most_uses=9) for c in CODES),
            GiftCard(code="DRILL", amount=5000, balance=1, ends_at=later),
            Allowance(subject="coupon:DRILL", buyer="ada@example.com", period=0, used=1),
            Review(product_id=product_id, customer_id=customer_id, stars=5, written_at=START),
            Picture(product_id=product_id, position=1, alt="", content=bytes(range(256))),
            Picture(product_id=product_id, position=2, alt="None", content=None),
            Heartbeat(worker="host:1", beat_at=START),
            *(WebhookEvent(id=code, received_at=START) for code in CODES),
            SignIn(token="t" * 40, customer_id=customer_id, ends_at=later),
            cart,
            Refund(order_id=order.id, nth=9, amount=1, currency="GBP", requested_at=START),
            Job(key="a", kind="k", payload={"é": [1, None, True]}, created_at=START, due_at=later),
        ]
    )
    session.flush()
    session.add(CartLine(cart_id=cart.id, product_id=product_id, quantity=2))
    session.get_one(Product, product_id).description = "Ü\n\u2028\t\"'\\ 😀"
    if not session.scalar(select(Shipment.order_id).limit(1)):
        session.add(Shipment(order_id=order.id, tracking_number="LP-1", booked_at=START))
    session.commit()


@pytest.fixture
def full(app: Flask, session: Session) -> Flask:
    """A store with rows in every table."""
    fill(session)
    return app


@pytest.fixture
def empty(empty_url: str) -> Iterator[Flask]:
    """A store whose database has no table."""
    if empty_url.startswith("sqlite"):
        Path(empty_url.removeprefix("sqlite:///")).parent.mkdir()
    app = create_app(settings_for(empty_url), clock=lambda: START)
    yield app
    app.extensions["sessions"].kw["bind"].dispose()


@pytest.fixture
def written(full: Flask, tmp_path: Path) -> Path:
    """A backup of the store that has rows in every table."""
    file = tmp_path / "store.zip"
    assert run(full, "backup", file).exit_code == 0
    return file


def run(app: Flask, name: str, file: Path) -> Result:
    return app.test_cli_runner().invoke(args=[name, str(file)])


def is_refused(result: Result, *words: str) -> bool:
    """Tell whether a command has failed with one sentence, which holds these words."""
    said = result.output
    is_sentence = said.startswith("Error: ") and said.count("\n") == 1 and "Traceback" not in said
    missing = [word for word in words if word not in said]
    assert (result.exit_code, is_sentence, missing) == (1, True, []), said
    return True


def engine_of(app: Flask) -> Engine:
    engine: Engine = app.extensions["sessions"].kw["bind"]
    return engine


def rows_of(app: Flask) -> dict[str, list[dict[str, Any]]]:
    """Return every row of every table, in an order that does not depend on the database."""
    with engine_of(app).connect() as connection:
        return {
            t.name: sorted((dict(r) for r in connection.execute(t.select()).mappings()), key=repr)
            for t in TABLES
        }


def count_of(app: Flask) -> int:
    return sum(map(len, rows_of(app).values()))


def is_untouched(app: Flask) -> bool:
    """Tell whether a database has no table, or none with a row."""
    return not inspect(engine_of(app)).get_table_names() or count_of(app) == 0


def alter(file: Path, change: Callable[[dict[str, list[bytes]], dict[str, Any]], None]) -> None:
    """Write a backup anew with other lines, whose sums are right again, or another manifest."""
    with ZipFile(file) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        lines = {t.name: archive.read(f"{t.name}.jsonl").splitlines(True) for t in TABLES}
    change(lines, manifest)
    for name, kept in lines.items():
        manifest["sums"][name] = [len(kept), sha256(b"".join(kept)).hexdigest()]
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name, kept in lines.items():
            archive.writestr(f"{name}.jsonl", b"".join(kept))
        archive.writestr("manifest.json", json.dumps(manifest))


def test_a_restored_store_has_every_row_of_the_one_that_was_copied(
    full: Flask, empty: Flask, tmp_path: Path
) -> None:
    before = rows_of(full)
    wrote = run(full, "backup", tmp_path / "store.zip")

    restored = run(empty, "restore", tmp_path / "store.zip")

    assert (wrote.exit_code, restored.exit_code) == (0, 0), wrote.output + restored.output
    assert [name for name, rows in before.items() if not rows] == []
    assert rows_of(empty) == before == rows_of(full)
    told = f"{sum(map(len, before.values()))} rows of {len(TABLES)} tables"
    assert told in wrote.output
    assert told in restored.output


@on_sqlite
def test_a_restored_store_sells_and_numbers_its_new_rows_behind_the_old(
    written: Path, empty: Flask
) -> None:
    run(empty, "restore", written)

    with empty.extensions["sessions"]() as session:
        last = max(session.scalars(select(Category.id)))
        session.add(Category(slug="new", name="New"))
        session.commit()
        assert max(session.scalars(select(Category.id))) == last + 1
    assert empty.test_client().get("/products/harbor-desk-lamp").status_code == 200


@on_sqlite
@pytest.mark.parametrize("empty_url", ["postgresql"], indirect=True)
def test_a_database_that_sorts_by_letters_gets_the_same_store(
    written: Path, empty: Flask, empty_url: str
) -> None:
    upgrade(empty_url)
    with engine_of(empty).begin() as connection:
        connection.execute(
            text('ALTER TABLE webhook_event ALTER id TYPE VARCHAR(80) COLLATE "en-x-icu"')
        )
        assert list(connection.scalars(text("SELECT 'a' < 'B' COLLATE \"en-x-icu\""))) == [True]

    result = run(empty, "restore", written)

    assert result.exit_code == 0, result.output


@into_sqlite
def test_a_backup_of_the_restored_store_is_the_same_file(
    written: Path, empty: Flask, tmp_path: Path
) -> None:
    run(empty, "restore", written)

    run(empty, "backup", tmp_path / "again.zip")

    with ZipFile(written) as first, ZipFile(tmp_path / "again.zip") as again:
        assert again.namelist() == first.namelist()
        assert [again.read(n) for n in again.namelist()] == [
            first.read(n) for n in first.namelist()
        ]


@into_sqlite
def test_a_backup_shows_one_moment_however_long_it_takes(
    full: Flask, empty: Flask, tmp_path: Path
) -> None:
    before = rows_of(full)

    def sell() -> None:
        with full.extensions["sessions"]() as session:
            session.execute(update(Product).values(version=Product.version + 1))
            session.execute(update(StockItem).values(on_hand=StockItem.on_hand + 1))
            session.commit()

    race = interleave(
        lambda: run(full, "backup", tmp_path / "store.zip"), sell, before=touches("stock_item")
    )
    run(empty, "restore", tmp_path / "store.zip")

    assert race.a.result
    assert race.a.result.exit_code == 0
    assert rows_of(empty) == before != rows_of(full)


@on_sqlite
def test_only_its_owner_reads_a_backup(written: Path) -> None:
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert list(written.parent.glob("*.part")) == []


@on_sqlite
def test_a_backup_takes_no_other_files_place(full: Flask, tmp_path: Path) -> None:
    (tmp_path / "kept.zip").write_text("kept")

    assert is_refused(run(full, "backup", tmp_path / "kept.zip"), "kept.zip is there already")

    assert (tmp_path / "kept.zip").read_text() == "kept"


@pytest.mark.parametrize("table", ["review", "alembic_version"])
def test_a_table_that_cannot_be_read_fails_the_backup(
    full: Flask, session: Session, tmp_path: Path, table: str
) -> None:
    session.execute(text(f"ALTER TABLE {table} RENAME TO {table}_gone"))
    session.commit()
    try:
        result = run(full, "backup", tmp_path / "store.zip")
    finally:
        session.execute(text(f"ALTER TABLE {table}_gone RENAME TO {table}"))
        session.commit()

    assert is_refused(result, table)
    assert list(tmp_path.glob("store.zip*")) == []


@on_sqlite
@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda folder: (folder / "x.zip.part").symlink_to("/dev/full"), "No space left"),
        (lambda folder: (folder / "x.zip.part").symlink_to("/no/such/folder/x"), "No such file"),
    ],
)
def test_a_backup_that_cannot_be_written_leaves_nothing_under_its_name(
    full: Flask, tmp_path: Path, make: Callable[[Path], None], why: str
) -> None:
    make(tmp_path)

    assert is_refused(run(full, "backup", tmp_path / "x.zip"), "x.zip cannot be written", why)

    assert not (tmp_path / "x.zip").exists()


@on_sqlite
def test_a_backup_that_the_disk_has_damaged_is_noticed_at_once(full: Flask, tmp_path: Path) -> None:
    part = tmp_path / "store.zip.part"

    @event.listens_for(engine_of(full), "commit")
    def damage(_connection: object) -> None:
        with part.open("r+b") as file:
            file.seek(part.stat().st_size // 2)
            file.write(b"damaged")

    result = run(full, "backup", tmp_path / "store.zip")

    assert is_refused(result, "is no backup that this release can restore")
    assert list(tmp_path.glob("store.zip*")) == []


@into_sqlite
def test_a_store_that_is_not_migrated_is_not_backed_up(empty: Flask, tmp_path: Path) -> None:
    command.upgrade(config_for(str(engine_of(empty).url)), "0002")

    assert is_refused(run(empty, "backup", tmp_path / "x.zip"), "revision 0002", "migrate first")

    assert list(tmp_path.glob("x.zip*")) == []


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flip(file: Path) -> None:
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 2] ^= 1
    file.write_bytes(whole)


def leave_out_a_table(file: Path) -> None:
    with ZipFile(file) as archive:
        kept = {name: archive.read(name) for name in archive.namelist() if name != "review.jsonl"}
    with ZipFile(file, "w") as archive:
        for name, content in kept.items():
            archive.writestr(name, content)


def leave_out_a_row(file: Path) -> None:
    with ZipFile(file) as archive:
        kept = {name: archive.read(name) for name in archive.namelist()}
    kept["category.jsonl"] = kept["category.jsonl"].partition(b"\n")[2]
    with ZipFile(file, "w") as archive:
        for name, content in kept.items():
            archive.writestr(name, content)


def put_in_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def write_another_archive(manifest: str | None) -> Callable[[Path], None]:
    def write(file: Path) -> None:
        with ZipFile(file, "w") as archive:
            archive.writestr(
                "word/document.xml" if manifest is None else "manifest.json", manifest or ""
            )

    return write


DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "empty": lambda file: file.write_bytes(b""),
    "text": lambda file: file.write_text("INSERT INTO product"),
    "folder": put_in_a_folder,
    "cut": cut,
    "flipped": flip,
    "lacks a table": leave_out_a_table,
    "lacks a row": leave_out_a_row,
    "document": write_another_archive(None),
    "no manifest": write_another_archive("not JSON"),
    "list": write_another_archive("[]"),
    "no sums": write_another_archive('{"revision": "0003"}'),
    "another release's": lambda file: alter(file, lambda _, m: m.update(revision="0999")),
    "a table too many": lambda file: alter(file, lambda _, m: m["sums"].update(more=[0, ""])),
}


@on_sqlite
@into_sqlite
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_is_no_whole_backup_is_refused_before_the_database_is_touched(
    written: Path, empty: Flask, damage: Callable[[Path], object]
) -> None:
    damage(written)

    result = run(empty, "restore", written)

    assert is_refused(result, "store.zip is no backup that this release can restore: ")
    assert "Errno" not in result.output
    assert inspect(engine_of(empty)).get_table_names() == []


@into_sqlite
def test_a_store_with_a_row_is_not_restored_into(
    app: Flask, session: Session, empty: Flask, tmp_path: Path
) -> None:
    upgrade(str(engine_of(empty).url))
    run(empty, "backup", tmp_path / "store.zip")
    session.add(Heartbeat(worker="host:1", beat_at=START))
    session.commit()

    result = run(app, "restore", tmp_path / "store.zip")

    assert is_refused(result, "has rows already: heartbeat")
    assert count_of(app) == 1


@on_sqlite
@into_sqlite
def test_a_store_of_another_revision_is_not_restored_into(written: Path, empty: Flask) -> None:
    command.upgrade(config_for(str(engine_of(empty).url)), "0002")

    result = run(empty, "restore", written)

    assert is_refused(result, "The database is at revision 0002", "migrate first")
    assert "review" not in inspect(engine_of(empty)).get_table_names()


@on_sqlite
@into_sqlite
def test_another_programs_database_is_not_restored_into(written: Path, empty: Flask) -> None:
    with engine_of(empty).begin() as connection:
        connection.execute(text("CREATE TABLE notes (id INTEGER)"))

    assert is_refused(run(empty, "restore", written), "no such table: alembic_version")

    assert inspect(engine_of(empty)).get_table_names() == ["notes"]


def refer_to_nothing(lines: dict[str, list[bytes]], _manifest: object) -> None:
    line = json.loads(lines["cart_line"][-1])
    lines["cart_line"][-1] = json.dumps({**line, "product_id": 999_999}, sort_keys=True).encode()


def tell_another_time_zone(lines: dict[str, list[bytes]], _manifest: object) -> None:
    lines["heartbeat"] = [line.replace(b"+00:00", b"+01:00") for line in lines["heartbeat"]]


@on_sqlite
@pytest.mark.parametrize(
    ("change", "why"),
    [
        (refer_to_nothing, "has rows that refer to none"),
        (tell_another_time_zone, "heartbeat came back with other rows than it had"),
    ],
)
def test_a_restore_that_fails_at_its_end_leaves_no_row(
    written: Path, empty: Flask, change: Callable[..., None], why: str
) -> None:
    alter(written, change)

    result = run(empty, "restore", written)

    assert why in result.output.lower()
    assert is_refused(result)
    assert is_untouched(empty)


@on_sqlite
def test_moments_come_back_with_their_time_zone(written: Path, empty: Flask) -> None:
    run(empty, "restore", written)

    [moment] = [row["beat_at"] for row in rows_of(empty)["heartbeat"]]
    assert (moment, moment.tzinfo) == (datetime(2026, 3, 2, 9, 0, tzinfo=UTC), UTC)
