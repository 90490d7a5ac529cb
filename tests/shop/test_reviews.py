import random
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, delete, event, func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from scenarios.kit.clock import START, FixedClock
from scenarios.kit.interleaving import interleave
from scenarios.kit.meters import measure
from scenarios.kit.pages import beside, sentence
from shop.errors import NotFound
from shop.models import Customer, Product, Review
from shop.queries.catalog import PAGE_SIZE
from shop.services.reviews import remove_review, write_review
from tests.factories import CustomerFactory, PictureFactory, ProductFactory, ReviewFactory
from tests.shop.browsers import sign_in_browser
from tests.shop.odd_texts import NOT_A_NUMBER, ODD_TEXTS

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
LONG_AGO = START.replace(year=2025)
TEETH = '"><script>alert(1)</script></textarea>'


@pytest.fixture
def ada_id(ada: Customer, lamp: Product) -> int:
    return ada.id


@pytest.fixture
def browser(app: Flask, session: Session, lamp: Product) -> FlaskClient:
    """A browser in which a customer is signed in who has not reviewed the lamp."""
    return sign_in_browser(app, session, CustomerFactory.create(name="Grace Brewster Hopper"))


def counters(session: Session) -> tuple[int, int]:
    """Return what the lamp says of its reviews."""
    session.rollback()
    product = session.scalars(select(Product).where(Product.slug == "lamp")).one()
    return product.review_count, product.stars_total


def recount(session: Session) -> tuple[int, int]:
    """Return what the reviews themselves say."""
    total = func.coalesce(func.sum(Review.stars), 0)
    count, stars = session.execute(select(func.count(Review.id), total)).one()
    return count, stars


def own_review(session: Session, customer_id: int) -> Review:
    session.rollback()
    return session.scalars(select(Review).where(Review.customer_id == customer_id)).one()


def send(browser: FlaskClient, **form: str) -> TestResponse:
    return browser.post("/account/reviews/lamp", data={"stars": "4", "text": "", **form})


def texts(page: TestResponse) -> list[str]:
    """Return the reviews on a page, the first on top."""
    return [unescape(text) for text in re.findall(r'class="words">([^<]*)<', page.text)]


def chosen(page: TestResponse) -> list[str]:
    return re.findall(r'name="stars" value="(\d)" required checked', page.text)


def typed(page: TestResponse) -> str:
    found = re.search(r'<textarea id="text"[^>]*>\n(.*?)</textarea>', page.text, re.DOTALL)
    assert found, "the page has no form for a review"
    return unescape(found[1])


@pytest.mark.parametrize(
    ("count", "total", "rating"),
    [
        (0, 0, None),
        (1, 5, 5.0),
        (3, 14, 4.7),
        (4, 17, 4.3),
        (20, 93, 4.7),
        (3, 10, 3.3),
        (8, 9, 1.1),
    ],
)
def test_a_rating_is_the_mean_to_one_decimal_and_halves_go_up(
    count: int, total: int, rating: float | None
) -> None:
    assert Product(review_count=count, stars_total=total).rating == rating


def test_a_review_is_counted_on_its_product(session: Session, ada_id: int) -> None:
    write_review(session, ada_id, "lamp", 4, "It shines.", START)

    review = own_review(session, ada_id)
    assert (review.stars, review.text, review.written_at) == (4, "It shines.", START)
    assert (review.edited_at, counters(session)) == (None, (1, 4))


def test_an_edit_changes_the_review_and_counts_the_difference(
    session: Session, ada_id: int, clock: FixedClock
) -> None:
    write_review(session, CustomerFactory.create().id, "lamp", 3, "So so.", START)
    write_review(session, ada_id, "lamp", 5, "It shines.", LONG_AGO)

    write_review(session, ada_id, "lamp", 2, "It flickers.", START)

    review = own_review(session, ada_id)
    assert (review.stars, review.text) == (2, "It flickers.")
    assert (review.written_at, review.edited_at) == (LONG_AGO, START)
    assert counters(session) == (2, 5)


def test_a_review_of_one_product_is_not_counted_on_another(session: Session, ada_id: int) -> None:
    other = ProductFactory.create()
    write_review(session, ada_id, other.slug, 2, "", START)

    write_review(session, ada_id, "lamp", 4, "", START)

    session.refresh(other)
    assert ((other.review_count, other.stars_total), counters(session)) == ((1, 2), (1, 4))


def test_what_is_not_sold_is_not_reviewed(session: Session, ada_id: int) -> None:
    with pytest.raises(NotFound):
        write_review(session, ada_id, "nope", 4, "", START)


@pytest.mark.parametrize("is_staff", [False, True])
def test_a_review_is_removed_by_its_author_and_by_staff(
    session: Session, ada_id: int, is_staff: bool
) -> None:
    write_review(session, CustomerFactory.create().id, "lamp", 3, "", START)
    write_review(session, ada_id, "lamp", 5, "", START)
    remover = CustomerFactory.create(is_staff=True).id if is_staff else ada_id

    remove_review(session, remover, own_review(session, ada_id).id)

    assert (counters(session), recount(session)) == ((1, 3), (1, 3))


def test_another_customer_does_not_remove_it(session: Session, ada_id: int) -> None:
    write_review(session, ada_id, "lamp", 5, "", START)
    other = CustomerFactory.create().id

    with pytest.raises(NotFound):
        remove_review(session, other, own_review(session, ada_id).id)

    assert (counters(session), recount(session)) == ((1, 5), (1, 5))


@on_sqlite
def test_the_counters_are_right_after_every_step(session: Session, ada_id: int) -> None:
    dice = random.Random("reviews")
    customers = [ada_id, *(CustomerFactory.create().id for _ in range(2))]
    steps = [(dice.choice(customers), dice.randint(0, 5)) for _ in range(40)]

    wrong = []
    for customer_id, stars in steps:
        own = select(Review.id).where(Review.customer_id == customer_id)
        if stars:
            write_review(session, customer_id, "lamp", stars, "", START)
        elif review_id := session.scalar(own):
            remove_review(session, customer_id, review_id)
        if counters(session) != recount(session):
            wrong.append((customer_id, stars))

    assert (wrong, recount(session)[0] > 0) == ([], True)


Act = Callable[[Session, int], Any]


def write(stars: int) -> Act:
    return lambda own, customer_id: write_review(own, customer_id, "lamp", stars, "", START)


def remove(own: Session, customer_id: int) -> None:
    review_id = own.scalar(select(Review.id).where(Review.customer_id == customer_id))
    remove_review(own, customer_id, review_id or 0)


@pytest.mark.parametrize(
    ("first", "second", "before", "left"),
    [
        (write(5), write(2), None, (1, 5)),
        (write(5), write(2), 4, (1, 5)),
        (write(5), remove, 4, (1, 5)),
        (remove, write(2), 4, (0, 0)),
    ],
    ids=["two first writes", "two edits", "an edit after a removal", "a removal after an edit"],
)
def test_what_one_customer_does_in_two_browsers_at_once_is_counted_once(
    app: Flask,
    session: Session,
    ada_id: int,
    first: Act,
    second: Act,
    before: int | None,
    left: tuple[int, int],
) -> None:
    if before:
        write_review(session, ada_id, "lamp", before, "", LONG_AGO)
    session.rollback()

    def run(act: Act) -> None:
        with app.extensions["sessions"]() as own:
            act(own, ada_id)

    race = interleave(lambda: run(first), lambda: run(second))

    assert (race.b.is_refused, counters(session), recount(session)) == (False, left, left)


def test_a_review_that_is_removed_twice_at_once_is_counted_once(
    app: Flask, session: Session, ada_id: int
) -> None:
    write_review(session, ada_id, "lamp", 4, "", START)

    def run() -> None:
        with app.extensions["sessions"]() as own:
            remove(own, ada_id)

    race = interleave(run, run)

    assert (type(race.a.refusal), race.b.is_refused) == (NotFound, False)
    assert counters(session) == (0, 0)


def test_a_review_appears_with_the_first_name_and_nothing_more(
    session: Session, client: FlaskClient, browser: FlaskClient
) -> None:
    answer = send(browser, text="It shines.\r\n\r\nI read by it.")

    page = client.get("/products/lamp")
    assert (answer.status_code, texts(page)) == (303, ["It shines.\n\nI read by it."])
    assert ("<h3>Grace</h3>" in page.text, "Hopper" in page.text) == (True, False)
    assert re.findall(r"[\w.-]+@example\.com", page.text) == []


@on_sqlite
def test_the_rating_stands_in_the_catalog_and_on_the_product(
    client: FlaskClient, browser: FlaskClient, lamp: Product
) -> None:
    unrated = [client.get(path).text for path in ("/", "/products/lamp")]
    send(browser, stars="4")

    pages = [client.get(path).text for path in ("/", "/products/lamp")]

    assert [page.count("4.0 of 5 (1 review)") for page in pages] == [1, 1]
    assert [page.count("(1 review)") for page in unrated] == [0, 0]


@on_sqlite
def test_a_review_is_shown_as_text_and_never_run(client: FlaskClient, browser: FlaskClient) -> None:
    send(browser, text=TEETH)

    page, own = client.get("/products/lamp"), browser.get("/products/lamp")

    assert (texts(page), typed(own)) == ([TEETH], TEETH)
    assert "<script>alert" not in page.text + own.text


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS)
def test_any_text_is_kept(client: FlaskClient, browser: FlaskClient, text: str) -> None:
    status = send(browser, text=text).status_code

    assert (status, client.get("/products/lamp").status_code) == (303, 200)


@on_sqlite
def test_the_form_is_filled_in_with_ones_own_review(
    app: Flask, session: Session, browser: FlaskClient
) -> None:
    send(browser, stars="2", text="It flickers.")
    other = sign_in_browser(app, session, CustomerFactory.create())

    own, theirs = browser.get("/products/lamp"), other.get("/products/lamp")

    assert (chosen(own), typed(own)) == (["2"], "It flickers.")
    assert (chosen(theirs), typed(theirs)) == ([], "")


@on_sqlite
def test_a_review_that_is_refused_comes_back_as_it_was_typed(
    session: Session, browser: FlaskClient
) -> None:
    page = send(browser, stars="5", text="x" * 2_001)

    assert (page.status_code, beside(page, "text")) == (422, "At most 2000 characters, please.")
    assert (chosen(page), typed(page), beside(page, "quantity")) == (["5"], "x" * 2_001, "")
    assert recount(session) == (0, 0)


@on_sqlite
def test_a_full_text_of_several_lines_is_taken(session: Session, browser: FlaskClient) -> None:
    # Browsers count the end of a line as one character and send two.
    answer = send(browser, text="\r\n".join(["x" * 99] * 20))

    [text] = session.scalars(select(Review.text))
    assert (answer.status_code, len(text)) == (303, 1_999)


@on_sqlite
def test_a_wrong_quantity_leaves_ones_review_in_its_form(browser: FlaskClient) -> None:
    send(browser, text="It shines.")

    page = browser.post("/products/lamp/add", data={"quantity": "0"})

    assert (page.status_code, typed(page), beside(page, "text")) == (422, "It shines.", "")
    assert beside(page, "quantity") == "A whole number from 1 to 99, please."


@on_sqlite
def test_stars_are_one_to_five(session: Session, browser: FlaskClient) -> None:
    wrong = {**NOT_A_NUMBER, "none": "0", "six": "6", "half": "4.5"}

    answers = {kind: send(browser, stars=stars) for kind, stars in wrong.items()}

    statuses = {kind: page.status_code for kind, page in answers.items()}
    assert (statuses, recount(session)) == (dict.fromkeys(wrong, 422), (0, 0))
    assert {beside(page, "stars") for page in answers.values()} == {
        "Please choose from one to five stars."
    }


@on_sqlite
@pytest.mark.parametrize("path", ["/account/reviews/nope", "/account/reviews/lamp/9/remove"])
def test_what_is_not_there_is_neither_reviewed_nor_removed(browser: FlaskClient, path: str) -> None:
    page = browser.post(path, data={"stars": "4", "text": ""})

    assert (page.status_code, bool(sentence(page))) == (404, True)


@on_sqlite
def test_staff_are_offered_to_remove_reviews_and_others_are_not(
    app: Flask, session: Session, client: FlaskClient, browser: FlaskClient
) -> None:
    send(browser)
    staff = sign_in_browser(app, session, CustomerFactory.create(is_staff=True))
    other = sign_in_browser(app, session, CustomerFactory.create())

    offers = {
        name: each.get("/products/lamp").text.count("/remove")
        for name, each in {"guest": client, "own": browser, "other": other, "staff": staff}.items()
    }

    assert offers == {"guest": 0, "own": 1, "other": 0, "staff": 1}


@pytest.fixture
def many(session: Session, lamp: Product) -> list[Review]:
    """Reviews that fill one page and begin the next, the oldest first."""
    reviews = [ReviewFactory.create(product_id=lamp.id, text=f"No. {n}") for n in range(14)]
    session.rollback()
    return reviews


def test_the_latest_reviews_come_first_and_each_page_goes_on_behind_the_last(
    client: FlaskClient, many: list[Review]
) -> None:
    first = client.get("/products/lamp")
    [following] = re.findall(r'rel="next" href="([^"#]+)', first.text)

    second = client.get(unescape(following))

    assert (len(texts(first)), texts(first)[0]) == (PAGE_SIZE, "No. 13")
    assert (texts(second), 'rel="next"' in second.text) == (["No. 1", "No. 0"], False)


def test_a_page_goes_on_behind_a_review_that_was_removed(
    session: Session, client: FlaskClient, many: list[Review]
) -> None:
    last = many[2].id
    session.execute(delete(Review).where(Review.id == last))
    session.commit()

    assert texts(client.get(f"/products/lamp?after={last}")) == ["No. 1", "No. 0"]


@pytest.mark.parametrize(
    ("after", "status"),
    [("2147483647", 200), ("1", 200), ("0", 422), ("2147483648", 422), ("x", 422), ("1.5", 422)],
)
def test_a_page_of_reviews_begins_behind_a_number(
    client: FlaskClient, many: list[Review], after: str, status: int
) -> None:
    assert client.get(f"/products/lamp?after={after}").status_code == status


def test_a_page_loads_no_more_however_many_reviews_and_pictures_there_are(
    client: FlaskClient, session: Session, engine: Engine, lamp: Product
) -> None:
    loaded: list[Review] = []

    def note(review: Review, *_: object) -> None:
        loaded.append(review)

    event.listen(Review, "load", note)
    sent, read = [], []
    for more_reviews, more_pictures in ((0, 0), (10, 5), (190, 5)):
        authors = CustomerFactory.build_batch(more_reviews)
        session.add_all(ReviewFactory.build(product_id=lamp.id, customer=each) for each in authors)
        session.add_all(PictureFactory.build_batch(more_pictures, product_id=lamp.id))
        session.commit()
        loaded.clear()
        with measure(engine) as cost:
            page = client.get("/products/lamp").text
        sent.append(len(cost.statements))
        read.append((len(loaded), page.count('class="review"'), page.count('class="picture"')))
    event.remove(Review, "load", note)

    assert (sent, read) == (sent[:1] * 3, [(0, 0, 1), (10, 10, 5), (PAGE_SIZE + 1, PAGE_SIZE, 10)])
