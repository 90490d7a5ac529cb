import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from scenarios.kit.clock import START
from scenarios.kit.pages import sentence
from scenarios.kit.work import run_due_jobs
from shop.db import Model
from shop.gateways.fakes import FakePictures
from shop.models import Category, Job, Picture, Product, StockItem, StockMovement
from shop.services.products import ProductRow, import_products
from shop.worker.loop import Worker
from tests.factories import CategoryFactory, CustomerFactory, ProductFactory
from tests.shop.browsers import sign_in_browser
from tests.shop.odd_texts import NOT_A_NUMBER, ODD_TEXTS

KETTLE = {
    "sku": "KTL-002",
    "name": "Linnet Kettle",
    "summary": "Whistles softly.",
    "description": "Two lines\nof text.",
    "category": "kitchen",
    "price_amount": "5800",
    "on_hand": "12",
    "picture_url": "",
    "picture_alt": "",
}
COLUMNS = [*KETTLE]
URL = "https://pictures.example/kettle.png"
Upload = Callable[..., TestResponse]
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def staff(app: Flask, session: Session) -> FlaskClient:
    CategoryFactory.create(slug="kitchen")
    return sign_in_browser(app, session, CustomerFactory.create(name="Jo", is_staff=True))


@pytest.fixture
def upload(staff: FlaskClient) -> Upload:
    """Send a file of products, of these rows or these bytes."""

    def send(*rows: Mapping[str, str], content: bytes | None = None) -> TestResponse:
        sent = file_of(*rows) if content is None else content
        part = b'Content-Disposition: form-data; name="file"; filename="products.csv"'
        data = b"\r\n".join([b"--edge", part, b"", sent, b"--edge--", b""])
        # Encoded here, because the client of the tests leaves the file of a large form open.
        kind = "multipart/form-data; boundary=edge"
        return staff.post("/staff/import", data=data, content_type=kind)

    return send


def file_of(*rows: Mapping[str, str], header: Sequence[str] = COLUMNS) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([header, *([row.get(name, "") for name in header] for row in rows)])
    return text.getvalue().encode()


def numbered(count: int) -> list[dict[str, str]]:
    return [{**KETTLE, "sku": f"KTL-{n:03}"} for n in range(count)]


def mistakes(page: TestResponse) -> list[str]:
    listed = re.search(r'id="file-error">(.+?)</div>', page.text, re.DOTALL)
    return [unescape(each) for each in re.findall("<li>([^<]+)</li>", listed[1] if listed else "")]


def stored(session: Session, sku: str = "KTL-002") -> Product:
    session.rollback()
    return session.scalars(select(Product).where(Product.sku == sku)).one()


def everything(session: Session) -> dict[str, list[object]]:
    session.rollback()
    return {t.name: list(session.execute(t.select())) for t in Model.metadata.sorted_tables}


def row_of(**facts: object) -> ProductRow:
    whole = {**KETTLE, "price_amount": 5800, "on_hand": 12, "picture_url": URL, **facts}
    return ProductRow(**whole)  # type: ignore[arg-type]


def test_a_new_product_is_added_with_its_stock_and_a_movement(
    upload: Upload, session: Session
) -> None:
    answer = upload(KETTLE)

    product = stored(session)
    texts = (product.name, product.search_name, product.summary, product.description)
    assert (answer.status_code, answer.location) == (303, "/staff/products")
    assert texts == ("Linnet Kettle", "linnet kettle", "Whistles softly.", "Two lines\nof text.")
    assert (product.price_amount, product.category.slug, product.version) == (5800, "kitchen", 1)
    assert (product.stock.on_hand, product.stock.allocated, product.listed_at) == (12, 0, START)
    movement = session.scalars(select(StockMovement)).one()
    assert (movement.product_id, movement.delta, movement.reason) == (product.id, 12, "received")


def test_a_new_product_is_shown_in_the_store(staff: FlaskClient, upload: Upload) -> None:
    upload(KETTLE)

    page = staff.get("/products/linnet-kettle--ktl-002")

    assert (page.status_code, "Whistles softly." in page.text) == (200, True)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Linnet Kettle", "linnet-kettle--ktl-002"),
        ("  Ö & \u0665 \u2013 a/b ", "a-b--ktl-002"),
        ("湯沸かし", "--ktl-002"),
        ("x" * 80, "x" * 50 + "--ktl-002"),
        ("ß" * 80, "s" * 50 + "--ktl-002"),
    ],
)
def test_an_address_is_made_from_name_and_sku(
    upload: Upload, session: Session, name: str, slug: str
) -> None:
    upload({**KETTLE, "name": name})

    assert stored(session).slug == slug


@on_sqlite
def test_names_and_skus_that_run_together_have_addresses_of_their_own(
    upload: Upload, session: Session
) -> None:
    answer = upload(
        {**KETTLE, "name": "Kettle", "sku": "X-1"}, {**KETTLE, "name": "Kettle X", "sku": "1"}
    )

    slugs = session.scalars(select(Product.slug).order_by(Product.slug)).all()
    assert (answer.status_code, slugs) == (303, ["kettle--x-1", "kettle-x--1"])


def test_a_known_product_gets_texts_and_price_and_keeps_the_rest(
    upload: Upload, session: Session, lamp: Product
) -> None:
    before = (lamp.id, lamp.slug, lamp.listed_at, lamp.category_id)

    upload({**KETTLE, "sku": "LMP-001", "name": "Größe"})

    product = stored(session, "LMP-001")
    assert (product.id, product.slug, product.listed_at, product.category_id) == before
    assert (product.name, product.search_name, product.price_amount) == ("Größe", "grösse", 5800)
    assert (product.version, product.stock.on_hand) == (2, 10)
    assert session.scalars(select(StockMovement)).all() == []


def test_a_file_of_new_and_known_products_says_how_many_are_which(
    staff: FlaskClient, upload: Upload, lamp: Product
) -> None:
    upload(KETTLE, {**KETTLE, "sku": "LMP-001"}, {**KETTLE, "sku": "KTL-003"})

    assert "New products: 2. Changed: 1." in staff.get("/staff/products").text


def test_whoever_edits_a_product_meanwhile_is_told(
    staff: FlaskClient, upload: Upload, lamp: Product
) -> None:
    form = {"name": "Lamp II", "price_amount": "1", "version": "1"}
    upload({**KETTLE, "sku": "LMP-001"})

    assert staff.post("/staff/products/LMP-001", data=form).status_code == 409


def test_statements_do_not_grow_with_the_file(session: Session, staff: FlaskClient) -> None:
    engine = session.get_bind().engine
    sent: list[str] = []

    def count(names: str, size: int) -> int:
        rows = [row_of(sku=f"{names}-{n}") for n in range(size)]
        ProductFactory.create(sku=f"{names}-0")
        sent.clear()
        import_products(session, rows, START, with_pictures=True)
        return len(sent)

    event.listen(engine, "before_cursor_execute", lambda *facts: sent.append(facts[2]))

    assert count("FEW", 5) == count("MANY", 500) <= 8


def test_products_are_written_in_the_order_of_their_skus(upload: Upload, session: Session) -> None:
    # Two imports at once then wait for each other in one direction only.
    upload(*numbered(9)[::-1])

    skus = session.scalars(select(Product.sku).order_by(Product.id)).all()
    assert skus == [row["sku"] for row in numbered(9)]


@pytest.mark.parametrize(
    "change",
    [
        lambda file: b"\xef\xbb\xbf" + file,
        lambda file: file.replace(b"\r\n", b"\n"),
        lambda file: file.removesuffix(b"\r\n"),
        lambda _: file_of(KETTLE, header=sorted(COLUMNS)),
    ],
    ids=["byte order mark", "line ends of Unix", "no last line end", "other order"],
)
def test_files_of_every_kind_of_program_are_read(
    upload: Upload, session: Session, change: Callable[[bytes], bytes]
) -> None:
    answer = upload(content=change(file_of(KETTLE)))

    assert (answer.status_code, stored(session).description) == (303, "Two lines\nof text.")


@pytest.mark.parametrize("name", ["=1+1", "@SUM(A1)", 'A "quoted", one', *ODD_TEXTS.values()])
def test_a_text_is_kept_as_it_is(upload: Upload, session: Session, name: str) -> None:
    answer = upload({**KETTLE, "name": name})

    assert answer.status_code == 303
    assert stored(session).name in (name, "Zo\u00eb")


@on_sqlite
@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n\0\0",
        b"PK\x03\x04\xff\xfe",
        "é".encode("latin-1"),
        file_of(KETTLE).decode().encode("utf-16"),
        b'sku,"name\n',
        b'"sku"x,name\n',
        b"a" * 200_000,
        b"",
    ],
    ids=["picture", "workbook", "Latin 1", "UTF-16", "open quote", "lost quote", "long", "empty"],
)
def test_a_file_that_is_no_csv_is_refused(upload: Upload, session: Session, content: bytes) -> None:
    before = everything(session)

    page = upload(content=content)

    assert (page.status_code, everything(session)) == (422, before)
    assert [each[:29] for each in mistakes(page)] == ["This is no CSV file in UTF-8."]


@on_sqlite
@pytest.mark.parametrize(
    "content",
    [
        b"\n",
        b"\0,\0\n",
        file_of(),
        file_of(KETTLE, header=COLUMNS[:-1]),
        file_of(KETTLE, header=[*COLUMNS, "stock"]),
        file_of(KETTLE, header=[*COLUMNS, "sku"]),
        file_of(KETTLE, header=[*COLUMNS[:-1], "picture_text"]),
        file_of(KETTLE, header=[*COLUMNS, "version"]),
        file_of(KETTLE).replace(b",", b";"),
        file_of(*numbered(501)),
    ],
    ids=[
        *("blank", "NUL", "no product", "column missing", "column more", "column twice"),
        *("another column", "column of the form", "semicolons", "501 products"),
    ],
)
def test_a_file_of_another_shape_is_refused(
    upload: Upload, session: Session, content: bytes
) -> None:
    before = everything(session)

    page = upload(content=content)

    assert (page.status_code, everything(session)) == (422, before)
    (said,) = mistakes(page)
    assert [word for word in ("name the columns", *COLUMNS) if word not in said] == []


def test_a_file_of_five_hundred_products_is_imported(upload: Upload, session: Session) -> None:
    answer = upload(*numbered(500))

    counts = [session.scalar(select(func.count()).select_from(t)) for t in (Product, StockItem)]
    assert (answer.status_code, counts) == (303, [500, 500])


@on_sqlite
def test_a_file_of_more_than_a_megabyte_is_refused(upload: Upload, session: Session) -> None:
    before = everything(session)

    small = upload(content=file_of({**KETTLE, "summary": "x" * 1_000_000}))
    large = upload(content=file_of({**KETTLE, "summary": "x" * 2**20}))

    assert (small.status_code, large.status_code, everything(session)) == (422, 413, before)


@on_sqlite
def test_no_other_form_takes_as_much(staff: FlaskClient) -> None:
    answer = staff.post("/staff/products/LMP-001", data={"name": "x" * 100_000})

    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("column", "text", "said"),
    [
        ("sku", "", "Please fill this in."),
        ("sku", "ktl-002", "Capitals and digits with hyphens between them, please."),
        ("sku", "KTL--002", "Capitals and digits with hyphens between them, please."),
        ("sku", "KTL 002", "Capitals and digits with hyphens between them, please."),
        ("sku", "K" * 21, "At most 20 characters, please."),
        ("name", "", "Please fill this in."),
        ("name", "a\0b", "This holds a character that cannot be printed."),
        ("name", "a\nb", "This holds a character that cannot be printed."),
        ("name", "x" * 81, "At most 80 characters, please."),
        ("description", "a\0b", "This holds a character that cannot be printed."),
        ("category", "", "Please fill this in."),
        ("price_amount", "-1", "A whole number from 1 to 10000000, please."),
        ("price_amount", "0", "A whole number from 1 to 10000000, please."),
        ("price_amount", "1" + "0" * 30, "A whole number from 1 to 10000000, please."),
        ("on_hand", "-1", "A whole number from 0 to 10000, please."),
        ("on_hand", "", "A whole number from 0 to 10000, please."),
        ("picture_url", "x" * 501, "At most 500 characters, please."),
        ("picture_alt", "a\tb", "This holds a character that cannot be printed."),
    ],
)  # fmt: skip
def test_a_wrong_row_is_named_and_nothing_is_imported(
    upload: Upload, session: Session, column: str, text: str, said: str
) -> None:
    before = everything(session)

    page = upload({**KETTLE, "sku": "KTL-001"}, {**KETTLE, column: text})

    assert (page.status_code, everything(session)) == (422, before)
    assert mistakes(page) == [f"Row 3, {column}: {said}"]
    assert sentence(page) == "Nothing was imported. Please mend this in the file:"


@on_sqlite
@pytest.mark.parametrize("text", NOT_A_NUMBER.values())
@pytest.mark.parametrize("column", ["price_amount", "on_hand"])
def test_only_digits_are_numbers(upload: Upload, column: str, text: str) -> None:
    page = upload({**KETTLE, column: text})

    assert (page.status_code, len(mistakes(page))) == (422, 1)


@on_sqlite
def test_a_row_of_another_length_is_named(upload: Upload) -> None:
    file = file_of(KETTLE)

    page = upload(content=file + b"KTL-003,Short\r\n\r\n" + file_of(KETTLE)[100:-2] + b",x\r\n")

    rows = {each.partition(",")[0] for each in mistakes(page)}
    assert (page.status_code, rows >= {"Row 3", "Row 4"}) == (422, True)


@on_sqlite
def test_a_value_behind_the_last_column_is_refused(upload: Upload) -> None:
    page = upload(content=file_of(KETTLE).removesuffix(b"\r\n") + b",more\r\n")

    assert mistakes(page) == ["Row 2, surplus: Unknown field."]


@on_sqlite
def test_of_many_mistakes_the_first_twenty_are_listed(upload: Upload) -> None:
    page = upload(*({**row, "name": "", "on_hand": "x"} for row in numbered(15)))

    assert (len(mistakes(page)), "And 10 more." in page.text) == (20, True)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, "Row 4, sku: KTL-002 stands above already."),
        ({"sku": "KTL-9", "category": "<b>"}, "Row 4, category: no shelf is '<b>'."),
    ],
    ids=["SKU twice", "unknown shelf"],
)
def test_what_only_the_store_can_know_is_told_by_row_too(
    upload: Upload, session: Session, facts: dict[str, str], said: str
) -> None:
    before = everything(session)

    page = upload({**KETTLE, "sku": "KTL-001"}, KETTLE, {**KETTLE, **facts})

    assert (page.status_code, everything(session)) == (422, before)
    assert sentence(page) == f"{said} Nothing was imported."


@on_sqlite
@pytest.mark.parametrize("data", [{}, {"file": "sku,name"}, {"surplus": "1"}])
def test_a_form_without_a_file_is_refused(staff: FlaskClient, data: dict[str, str]) -> None:
    assert staff.post("/staff/import", data=data).status_code == 422


@on_sqlite
def test_no_other_form_takes_a_file(staff: FlaskClient, lamp: Product) -> None:
    form = {"delta": "1", "reason": "counted", "file": (io.BytesIO(b"x"), "x")}

    assert staff.post("/staff/products/LMP-001/stock", data=form).status_code == 422


def test_a_store_with_no_host_for_pictures_fetches_none_and_says_so(
    staff: FlaskClient, upload: Upload, session: Session, pictures: FakePictures, worker: Worker
) -> None:
    answer = upload({**KETTLE, "picture_url": URL})

    run_due_jobs(worker)

    assert (answer.status_code, session.scalars(select(Job)).all(), pictures.asked) == (303, [], [])
    assert "This store fetches no pictures" in staff.get("/staff/import").text


def test_pictures_are_fetched_after_the_import_each_once(
    session: Session, staff: FlaskClient, pictures: FakePictures, worker: Worker
) -> None:
    rows = [
        row_of(picture_alt="A kettle"),
        row_of(sku="KTL-3"),
        row_of(sku="KTL-4", picture_url=""),
    ]
    for _ in range(2):
        import_products(session, rows, START, with_pictures=True)
    while_importing = list(pictures.asked)

    run_due_jobs(worker)

    shown = session.execute(
        select(Product.sku, Picture.alt).join(Picture.__table__).order_by("sku")
    )
    assert (while_importing, pictures.asked) == ([], [URL, URL])
    assert [tuple(row) for row in shown] == [("KTL-002", "A kettle"), ("KTL-3", "Linnet Kettle")]


def test_a_shelf_is_looked_up_and_never_made(upload: Upload, session: Session) -> None:
    upload(KETTLE)

    assert session.scalars(select(Category.slug)).all() == ["kitchen"]
