"""Count what one buyer uses up of something scarce, inside other services' transactions.

What is scarce is named by a text, the `subject`. A buyer is a folded email address. A period is a
number: what was used in one says nothing of the next.
"""

from sqlalchemy import case, update
from sqlalchemy.orm import Session

from shop.db import changed_rows, insert
from shop.domain.email_address import fold_email
from shop.models import Allowance, Customer


def find_buyer(session: Session, customer_id: int | None, email: str) -> str:
    """Return who is counted: the account of whoever is signed in, or a guest's address.

    A customer who types another address stays the same buyer.
    """
    customer = session.get(Customer, customer_id) if customer_id else None
    return customer.folded_email if customer else fold_email(email)


def use_allowance(
    session: Session, subject: str, buyer: str, period: int, quantity: int, most: int
) -> bool:
    """Use up some units, unless the buyer would then have used more than `most` in this period.

    The check and the change are one statement, so of two that try at once only one gets the last.
    Returns whether the units were used; if not, nothing has changed.
    """
    key = {"subject": subject, "buyer": buyer, "period": period}
    row = insert(session, Allowance).values(**key, used=quantity)
    used = Allowance.used + row.excluded.used
    take = row.on_conflict_do_update(index_elements=[*key], set_={"used": used}, where=used <= most)
    # The first row of a buyer meets no conflict, and so not the condition either.
    return quantity <= most and changed_rows(session, take) > 0


def return_allowance(
    session: Session, subject: str, buyer: str, period: int, quantity: int
) -> None:
    """Let the buyer use units again that came back; less than nothing is never used."""
    row = Allowance.subject == subject, Allowance.buyer == buyer, Allowance.period == period
    left = case((Allowance.used > quantity, Allowance.used - quantity), else_=0)
    session.execute(update(Allowance).where(*row).values(used=left))
