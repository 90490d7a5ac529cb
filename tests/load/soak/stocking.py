"""The standard store with what a long run needs: stock, codes, customers and partners.

Two products stay short, so that somebody is always too late for them, and one is limited for each
buyer by the seeds. One coupon has few uses, the other many.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.domain.email_address import fold_email
from shop.models import Cart, Coupon, Customer, GiftCard, Product
from shop.services.accounts import hash_token, hasher
from shop.services.cart import new_token
from tests.load.database import session_on, stock_up
from tests.load.running import RunningStore
from tests.load.soak.briefing import Briefing

PLENTY = 50_000
FEW = 5
STAFF = ("jonas@brindle.example", "brass-hinge-77")
_SCARCE = ("harbor-desk-lamp", "camp-lantern")
_LIMITED = "heron-binoculars"
_PASSWORD = "seven-slow-otters"
_COUPONS = {"SOAK-FEW": (1_500, 25, 2), "SOAK-MANY": (1_000, 100_000, 3)}
_GIFT_CARDS = 24
# The standard store has these: one needs goods of £20, one is over, and one nobody has ever made.
_MORE_COUPONS = ("WELCOME10", "FIRST3", "MAYDAY20", "NO-SUCH-CODE")
_BAD_GIFT_CARDS = ("H4T6QW9K3XM7R2VD", "0000111122223333")


def prepare(running: RunningStore, shoppers: int, seed: int, folder: Path) -> Briefing:
    """Fill the store's shelves and its books, and return what the visitors are told of it."""
    stock_up(running.database_url, PLENTY)
    for slug in _SCARCE:
        stock_up(running.database_url, FEW, slug)
    with session_on(running.database_url) as session, session.begin():
        slugs = dict(session.execute(select(Product.slug, Product.sku)).all())
        _add_codes(session)
        for nth in range(shoppers):
            _add_customer(session, f"customer-{nth}@soak.example", "")
            _add_customer(session, f"partner-{nth}@soak.example", _token(nth))
    scarce = {_LIMITED, *_SCARCE}
    return Briefing(
        urls=running.urls,
        seed=seed,
        shoppers=shoppers,
        plenty=[slug for slug in slugs if slug not in scarce],
        scarce=_SCARCE,
        limited=_LIMITED,
        restocked=[slugs[slug] for slug in _SCARCE],
        coupons=[*_COUPONS, *_MORE_COUPONS],
        gift_cards=[*map(_gift_card, range(_GIFT_CARDS)), *_BAD_GIFT_CARDS],
        customers=[(f"customer-{nth}@soak.example", _PASSWORD) for nth in range(shoppers)],
        staff=STAFF,
        partners=[_token(nth) for nth in range(shoppers)],
        outcome=str(folder / "outcome.json"),
    )


def _add_codes(session: Session) -> None:
    now = datetime.now(UTC)
    period = {"starts_at": now - timedelta(days=1), "ends_at": now + timedelta(days=365)}
    for code, (rate, most_uses, most_per_buyer) in _COUPONS.items():
        uses = {"rate": rate, "most_uses": most_uses, "most_per_buyer": most_per_buyer}
        session.add(Coupon(code=code, **uses, **period))
    for nth in range(_GIFT_CARDS):
        amount = 3_000 * (nth + 1)
        money = {"amount": amount, "balance": amount, "ends_at": period["ends_at"]}
        session.add(GiftCard(code=_gift_card(nth), **money))


def _add_customer(session: Session, email: str, token: str) -> None:
    now = datetime.now(UTC)
    customer = Customer(
        email=email,
        folded_email=fold_email(email),
        name="Ottoline Soak",
        address="2 Weir Lane",
        city="Brindleford",
        postcode="BR2 7QD",
        country_code="GB",
        password_hash=_PASSWORD_HASH,
        api_token_hash=hash_token(token) if token else None,
        created_at=now,
    )
    session.add(customer)
    session.flush()
    cart = Cart(token=new_token(), checkout_token=new_token(), created_at=now)
    cart.customer_id = customer.id
    session.add(cart)


def _gift_card(nth: int) -> str:
    return f"SOAKGIFT{nth:08}"


def _token(nth: int) -> str:
    return f"token-of-the-partner-number-{nth}"


# Hashing is slow on purpose, and all of them have the same password.
_PASSWORD_HASH = hasher.hash(_PASSWORD)
