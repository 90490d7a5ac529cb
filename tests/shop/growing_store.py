"""A store of which everything that can be listed grows to any number, and who looks at it."""

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from scenarios.kit.clock import START
from shop.models import (
    Cart,
    CartLine,
    Country,
    Heartbeat,
    HistoryEntry,
    Job,
    OrderLine,
    Product,
    Refund,
    StockMovement,
)
from shop.services.accounts import hash_token
from tests.factories import (
    CustomerFactory,
    OrderFactory,
    PictureFactory,
    ProductFactory,
    ReviewFactory,
)
from tests.shop.browsers import sign_in_browser

NUMBER, TOKEN, PICTURE_ID = "BB-7K3MQ-9XT2W", "the token of Ada's program", 900
GUEST, ADA, STAFF, PROGRAM = "guest", "ada", "staff", "program"
MOST_LINES = 50


class GrowingStore:
    """A store with one lamp, and one customer who owns all its orders."""

    def __init__(self, app: Flask, session: Session, lamp: Product) -> None:
        self.session, self.lamp, self.size = session, lamp, 0
        # By every order of the catalog it comes after the products that are added.
        lamp.name = "Zinc lamp"
        ada = CustomerFactory.create(email="ada@example.com", api_token_hash=hash_token(TOKEN))
        staff = CustomerFactory.create(email="jonas@brindle.example", is_staff=True)
        self.ada_id, self.country = ada.id, session.get_one(Country, "GB")
        self.order_id = OrderFactory.create(number=NUMBER, product=lamp, customer_id=ada.id).id
        picture = {"id": PICTURE_ID, "content": b"a picture", "content_type": "image/png"}
        PictureFactory.create(product_id=lamp.id, position=PICTURE_ID, **picture)
        self.browsers: dict[str, FlaskClient] = {
            GUEST: app.test_client(),
            ADA: sign_in_browser(app, session, ada),
            STAFF: sign_in_browser(app, session, staff),
            PROGRAM: app.test_client(),
        }
        self.cart_id = session.scalars(select(Cart.id).where(Cart.customer_id == ada.id)).one()

    def grow(self, size: int) -> None:
        """Bring each list to this many rows, and those of one cart or order to the most it has."""
        for nth in range(self.size, size):
            self._add_row(nth)
        self.size = size
        self.session.commit()

    def _add_row(self, nth: int) -> None:
        product, author = ProductFactory.build(), CustomerFactory.build()
        review = ReviewFactory.build(product_id=self.lamp.id, customer=author, text=f"review-{nth}")
        picture = PictureFactory.build(product_id=self.lamp.id, position=nth)
        order = OrderFactory.build(
            product=self.lamp, customer_id=self.ada_id, country=self.country, placed_at=START
        )
        self.session.add_all([product, review, picture, order])
        self.session.flush()
        about = {"product_id": self.lamp.id, "delta": 1, "reason": "received", "at": START}
        self.session.add(StockMovement(**about, note=f"moved-{nth}"))
        self.session.add(Heartbeat(worker=f"host:{nth}", beat_at=START))
        self._add_job(nth)
        if nth < MOST_LINES:
            self._add_line(nth, product)

    def _add_line(self, nth: int, product: Product) -> None:
        """Add to Ada's cart, and to the order that everybody looks at."""
        own, amount = {"order_id": self.order_id}, {"currency": "GBP", "quantity": 1}
        facts = {"product_id": product.id, "sku": product.sku, "name": product.name}
        self.session.add(CartLine(cart_id=self.cart_id, product_id=product.id, quantity=1))
        self.session.add(OrderLine(**own, **facts, **amount, unit_amount=1))
        self.session.add(HistoryEntry(**own, subject="status", status="placed", at=START))
        self.session.add(Refund(**own, nth=nth + 1, amount=1, currency="GBP", requested_at=START))

    def _add_job(self, nth: int) -> None:
        moments = {"created_at": START, "due_at": START, "set_aside_at": START}
        about = {"kind": "book_parcel", "payload": {"number": NUMBER}}
        self.session.add(Job(key=f"job-{nth}", **about, **moments, last_error=f"job-{nth}"))
