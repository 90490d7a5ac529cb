"""What the checkout page offers."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.models import Country, ShippingRate


def list_countries(session: Session) -> Sequence[Country]:
    """Return the countries that the store ships to, by name."""
    return session.scalars(select(Country).order_by(Country.name)).all()


def list_rates(session: Session, country_code: str) -> Sequence[ShippingRate]:
    """Return the shipping methods to a country, the cheapest first."""
    rates = select(ShippingRate).where(ShippingRate.country_code == country_code)
    return session.scalars(rates.order_by(ShippingRate.amount, ShippingRate.method)).all()
