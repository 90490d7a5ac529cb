"""Who is signed in, and who has an account."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.db import get_one
from shop.domain.email_address import fold_email
from shop.models import Customer, SignIn
from shop.queries.paging import Page, get_page

PAGE_SIZE = 50


def find_signed_in(session: Session, token: str, now: datetime) -> Customer | None:
    """Return whoever a browser with this token is signed in as."""
    customer = select(Customer).join(SignIn, SignIn.customer_id == Customer.id)
    return session.scalar(customer.where(SignIn.token == token, SignIn.ends_at > now))


def find_customer(session: Session, customer_id: int | None) -> Customer | None:
    """Return a customer by id; nobody has the id None."""
    return session.get(Customer, customer_id) if customer_id else None


def find_by_token_hash(session: Session, token_hash: str) -> Customer | None:
    """Return the customer whose API token has this hash."""
    return session.scalar(select(Customer).where(Customer.api_token_hash == token_hash))


def list_customers(session: Session, q: str, after: str) -> Page[Customer]:
    """Return a page of customers, the latest first, or the one with the address `q`.

    :raises NotFound: when the page starts after a customer who is not there.
    """
    customers = select(Customer)
    if q:
        customers = customers.where(Customer.folded_email == fold_email(q))
    last = select(Customer.id).where(Customer.folded_email == fold_email(after))
    edge = [get_one(session, last, "page")] if after else None
    return get_page(session, customers, [Customer.id], size=PAGE_SIZE, descending=True, after=edge)
