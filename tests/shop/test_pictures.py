import re
from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, inspect
from sqlalchemy.orm import Session

from scenarios.kit.meters import measure
from shop.models import Customer, Picture, Product
from shop.queries.catalog import get_product, list_products
from tests.factories import PictureFactory, ProductFactory, ReviewFactory
from tests.shop.browsers import sign_in

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
BYTES = b"\x89PNG\r\n\x1a\n and the rest"


@pytest.fixture
def imported(session: Session, lamp: Product) -> int:
    """The id of a picture that was imported."""
    made = PictureFactory.create(
        product_id=lamp.id, name="", content=BYTES, content_type="image/png", alt="From the left."
    )
    picture_id: int = made.id
    session.rollback()
    return picture_id


def shown(page: str) -> list[tuple[str, str]]:
    """Return address and description of the pictures of a page, in their order."""
    found = re.findall(r'<img class="picture" src="([^"]*)" alt="([^"]*)"', page)
    return [(address, unescape(alt)) for address, alt in found]


def give_picture(session: Session, product: Product) -> None:
    row = session.get_one(Product, product.id)
    row.picture, row.picture_alt = "lamp.svg", "A lamp."
    session.commit()


def test_an_imported_picture_is_served_as_what_it_is(client: FlaskClient, imported: int) -> None:
    answer = client.get(f"/pictures/{imported}")

    assert (answer.status_code, answer.data, answer.content_type) == (200, BYTES, "image/png")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@on_sqlite
def test_a_browser_keeps_a_picture_and_is_not_sent_it_again(
    client: FlaskClient, imported: int
) -> None:
    first = client.get(f"/pictures/{imported}")

    again = client.get(f"/pictures/{imported}", headers={"If-None-Match": first.headers["ETag"]})

    assert (first.cache_control.max_age, again.status_code, again.data) == (86_400, 304, b"")


@on_sqlite
def test_a_picture_that_was_replaced_is_sent(
    client: FlaskClient, session: Session, imported: int
) -> None:
    first = client.get(f"/pictures/{imported}")
    session.get_one(Picture, imported).content = BYTES + b", and more"
    session.commit()

    again = client.get(f"/pictures/{imported}", headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.data) == (200, BYTES + b", and more")


@on_sqlite
def test_somebody_signed_in_keeps_pictures_too(
    client: FlaskClient, ada: Customer, imported: int
) -> None:
    sign_in(client)

    answers = [client.get(path) for path in (f"/pictures/{imported}", "/products/lamp")]

    kept = [answer.headers["Cache-Control"] for answer in answers]
    assert kept == ["max-age=86400", "no-store"]


@on_sqlite
@pytest.mark.parametrize(
    "content_type", ["text/html", "image/svg+xml", "application/octet-stream", ""]
)
def test_what_a_browser_might_run_is_not_served(
    client: FlaskClient, session: Session, imported: int, content_type: str
) -> None:
    session.get_one(Picture, imported).content_type = content_type
    session.commit()

    assert client.get(f"/pictures/{imported}").status_code == 404


@on_sqlite
@pytest.mark.parametrize("picture", ["0", "999", "2147483647", "2147483648", "-1", "x"])
def test_a_picture_that_is_not_there_is_not_found(
    client: FlaskClient, imported: int, picture: str
) -> None:
    assert client.get(f"/pictures/{picture}").status_code == 404


def test_a_product_shows_its_own_picture_and_the_others_in_their_order(
    client: FlaskClient, session: Session, lamp: Product, imported: int
) -> None:
    PictureFactory.create(product_id=lamp.id, position=-1, name="switch.svg", alt='The "switch".')
    give_picture(session, lamp)

    page = client.get("/products/lamp").text

    assert shown(page) == [
        ("/static/pictures/lamp.svg", "A lamp."),
        ("/static/pictures/switch.svg", 'The "switch".'),
        (f"/pictures/{imported}", "From the left."),
    ]


@on_sqlite
def test_a_product_without_its_own_picture_shows_the_imported_one_in_its_place(
    client: FlaskClient, imported: int
) -> None:
    page, catalog = client.get("/products/lamp").text, client.get("/").text

    assert shown(page) == [(f"/pictures/{imported}", "From the left.")]
    assert shown(catalog) == [("/static/pictures/parcel.svg", "")]


@on_sqlite
def test_a_product_without_any_picture_shows_a_parcel(client: FlaskClient, lamp: Product) -> None:
    page = client.get("/products/lamp").text

    [(address, alt)] = shown(page)
    assert (address, alt) == ("/static/pictures/parcel.svg", "")
    assert client.get(address, buffered=True).status_code == 200


def test_a_products_pictures_are_read_without_their_bytes(
    session: Session, engine: Engine, lamp: Product, imported: int
) -> None:
    with measure(engine) as cost:
        product = get_product(session, slug="lamp", with_pictures=True)

    [picture] = product.more_pictures
    assert ([picture.alt], "content" in inspect(picture).unloaded) == (["From the left."], True)
    assert re.findall(r"\bpicture\.content\b", " ".join(each.sql for each in cost.statements)) == []


def test_the_catalog_reads_neither_reviews_nor_pictures_nor_descriptions(
    client: FlaskClient, session: Session, engine: Engine, lamp: Product, imported: int
) -> None:
    with measure(engine) as for_one:
        client.get("/")
    for product in ProductFactory.create_batch(11):
        ReviewFactory.create(product_id=product.id)
        PictureFactory.create(product_id=product.id)
    session.rollback()

    with measure(engine) as for_twelve:
        page = client.get("/")

    assert (len(for_twelve.statements), page.text.count('class="good"')) == (
        len(for_one.statements),
        12,
    )
    read = " ".join(each.sql for each in for_twelve.statements)
    tables = set(re.findall(r"\b(?:FROM|JOIN) (\w+)", read))
    assert (tables, "description" in read) == ({"product", "stock_item", "category"}, False)


@pytest.mark.parametrize("in_full", [True, False])
def test_descriptions_are_read_where_they_are_asked_for(
    session: Session, lamp: Product, in_full: bool
) -> None:
    page = list_products(session, sort="name", after="", in_full=in_full)

    assert [("description" in inspect(row).unloaded) for row in page.rows] == [not in_full]


def test_a_list_of_the_api_costs_the_same_for_one_product_and_for_twelve(
    client: FlaskClient, session: Session, engine: Engine, lamp: Product
) -> None:
    with measure(engine) as for_one:
        client.get("/api/v1/products")
    ProductFactory.create_batch(11)
    session.rollback()

    with measure(engine) as for_twelve:
        body = client.get("/api/v1/products").get_json()

    assert (len(for_twelve.statements), len(body["products"])) == (len(for_one.statements), 12)
