"""Rows for tests, each with defaults for everything."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from factory.alchemy import SQLAlchemyModelFactory
from factory.builder import Resolver
from factory.declarations import LazyAttribute, SelfAttribute, Sequence, SubFactory
from sqlalchemy.orm import Session

from shop.domain.money import Money, share_of
from shop.domain.order_status import FulfillmentStatus, OrderStatus, PaymentStatus
from shop.models import (
    Cart,
    CartLine,
    Category,
    Country,
    Coupon,
    Customer,
    GiftCard,
    Order,
    OrderLine,
    Payment,
    Picture,
    Product,
    Review,
    ShippingRate,
    StockItem,
)
from shop.services.accounts import hasher

PASSWORD = "correct horse battery"
HASH = hasher.hash(PASSWORD)
LISTED_AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class RowFactory(SQLAlchemyModelFactory):
    """A factory that commits what it makes, with the session of the test."""

    class Meta:
        abstract = True
        sqlalchemy_session_persistence = "commit"


class CategoryFactory(RowFactory):
    class Meta:
        model = Category

    slug = Sequence(lambda n: f"shelf-{n}")
    name = Sequence(lambda n: f"Shelf {n}")


class ProductFactory(RowFactory):
    """A product with 10 units on hand; `on_hand` and `allocated` set its stock."""

    class Meta:
        model = Product

    class Params:
        on_hand = 10
        allocated = 0

    sku = Sequence(lambda n: f"TST-{n:03}")
    slug = Sequence(lambda n: f"thing-{n}")
    name = Sequence(lambda n: f"Thing {n}")
    price_amount = 1999
    listed_at = LISTED_AT
    category = SubFactory(CategoryFactory)
    stock = LazyAttribute(lambda o: StockItem(on_hand=o.on_hand, allocated=o.allocated))


class CountryFactory(RowFactory):
    class Meta:
        model = Country
        sqlalchemy_get_or_create = ("code",)

    code = "GB"
    name = "United Kingdom"
    tax_rate = 2000


class ShippingRateFactory(RowFactory):
    class Meta:
        model = ShippingRate

    country_code = "GB"
    method = "standard"
    amount = 395
    days = "2-3 days"


class CustomerFactory(RowFactory):
    """Somebody with an account, whose password is `PASSWORD`."""

    class Meta:
        model = Customer

    email = Sequence(lambda n: f"customer-{n}@example.com")
    name = "Ada Lovelace"
    password_hash = HASH
    created_at = LISTED_AT


class CartFactory(RowFactory):
    class Meta:
        model = Cart

    token = Sequence(lambda n: f"cart-{n}")
    checkout_token = Sequence(lambda n: f"checkout-{n}")
    created_at = LISTED_AT


class CartLineFactory(RowFactory):
    class Meta:
        model = CartLine

    product = SubFactory(ProductFactory)
    quantity = 1


class CouponFactory(RowFactory):
    """A coupon for a tenth of the goods, in force all through 2026."""

    class Meta:
        model = Coupon

    code = "TENTH"
    rate = 1000
    starts_at = datetime(2026, 1, 1, tzinfo=UTC)
    ends_at = datetime(2027, 1, 1, tzinfo=UTC)
    most_uses = 100


class GiftCardFactory(RowFactory):
    """A gift card over 25.00, good all through 2026."""

    class Meta:
        model = GiftCard

    code = "GIFT0000GIFT0000"
    amount = 2500
    balance = SelfAttribute("amount")
    ends_at = datetime(2027, 1, 1, tzinfo=UTC)


def taxed(order: Resolver) -> int:
    amount: int = order.goods_amount - order.discount_amount + order.shipping_amount
    return amount


class OrderFactory(RowFactory):
    """An order that was just placed, of `quantity` units of `product`."""

    class Meta:
        model = Order

    class Params:
        quantity = 1
        product = SubFactory(ProductFactory, allocated=SelfAttribute("..quantity"))

    number = Sequence(lambda n: f"BB-{n:05}-TESTS")
    checkout_token = Sequence(lambda n: f"spent-{n}")
    status = OrderStatus.PLACED
    payment_status = PaymentStatus.PENDING
    fulfillment_status = FulfillmentStatus.UNFULFILLED
    email = "ada@example.com"
    name = "Ada Lovelace"
    address = "12 St James's Square"
    city = "London"
    postcode = "SW1Y 4JH"
    country = SubFactory(CountryFactory)
    shipping_method = "standard"
    currency = "GBP"
    goods_amount = LazyAttribute(lambda o: o.product.price_amount * o.quantity)
    shipping_amount = 395
    tax_rate = 2000
    discount_amount = 0
    gift_card_amount = 0
    tax_amount = LazyAttribute(lambda o: share_of(Money(taxed(o)), o.tax_rate).amount)
    total_amount = LazyAttribute(lambda o: taxed(o) + o.tax_amount)
    placed_at = LISTED_AT
    lines = LazyAttribute(
        lambda o: [
            OrderLine(
                product_id=o.product.id,
                sku=o.product.sku,
                name=o.product.name,
                unit_amount=o.product.price_amount,
                currency="GBP",
                quantity=o.quantity,
            )
        ]
    )
    payment = LazyAttribute(
        lambda _: Payment(card_token="tok_4242424242424242", card_brand="visa", card_last4="4242")
    )


class ReviewFactory(RowFactory):
    """A review that its product does not count, as one that `write_review` has written would be."""

    class Meta:
        model = Review

    customer = SubFactory(CustomerFactory)
    stars = 4
    text = "It does what it should."
    written_at = LISTED_AT


class PictureFactory(RowFactory):
    """A picture that lies in a file of the store."""

    class Meta:
        model = Picture

    position = Sequence(lambda n: n)
    alt = "The thing from behind."
    name = "parcel.svg"


@contextmanager
def bind_factories(session: Session) -> Iterator[None]:
    """Let all factories write with this session."""
    options = [vars(each)["_meta"] for each in RowFactory.__subclasses__()]
    for each in options:
        each.sqlalchemy_session = session
    yield
    for each in options:
        each.sqlalchemy_session = None
