"""Write what a customer says of a product, and remove it.

Both change the review first and its product after, so that no two wait for each other. How the
product's counters change is known from the row that the first statement has locked and returned,
and not from an earlier read.
"""

from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from shop.db import get_one, insert, transaction
from shop.models import Customer, Product, Review


def write_review(
    session: Session, customer_id: int, slug: str, stars: int, text: str, now: datetime
) -> None:
    """Write a customer's review of a product, or edit the one there is.

    :raises NotFound: when there is no such product.
    """
    with transaction(session):
        product_id = get_one(session, select(Product.id).where(Product.slug == slug), "product")
        key = {"product_id": product_id, "customer_id": customer_id}
        written = insert(session, Review).values(**key, stars=stars, text=text, written_at=now)
        edit = {"text": text, "edited_at": now}
        edited = written.on_conflict_do_update(index_elements=list(key), set_=edit)
        review = session.scalars(edited.returning(Review)).one()
        # One that was there has come back with the stars that it had until now.
        is_new = review.edited_at is None
        _count(session, product_id, int(is_new), stars if is_new else stars - review.stars)
        review.stars = stars


def remove_review(session: Session, customer_id: int, review_id: int) -> None:
    """Remove a review, for the customer who wrote it or for staff.

    :raises NotFound: when there is none, or when it is somebody else's.
    """
    with transaction(session):
        staff = select(Customer.id).where(Customer.id == customer_id, Customer.is_staff)
        may_remove = (Review.customer_id == customer_id) | staff.exists()
        removal = delete(Review).where(Review.id == review_id, may_remove)
        removed = get_one(session, removal.returning(Review), "review")
        _count(session, removed.product_id, -1, -removed.stars)


def _count(session: Session, product_id: int, reviews: int, stars: int) -> None:
    count, total = Product.review_count + reviews, Product.stars_total + stars
    product = update(Product).where(Product.id == product_id)
    session.execute(product.values(review_count=count, stars_total=total))
