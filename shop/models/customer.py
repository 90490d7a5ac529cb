"""Who buys, who sells, and the browsers that they are signed in with."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, validates

from shop.db import Model
from shop.domain.email_address import fold_email


class Addressee:
    """The columns of whoever gets mail and parcels, shared by customers and orders."""

    email: Mapped[str] = mapped_column(String(254))
    name: Mapped[str] = mapped_column(String(100))
    address: Mapped[str] = mapped_column(String(200), default="")
    city: Mapped[str] = mapped_column(String(100), default="")
    postcode: Mapped[str] = mapped_column(String(20), default="")

    folded_email: Mapped[str]

    @validates("email")
    def _fold_email(self, _key: str, email: str) -> str:
        # Mail goes to the address as it was typed; the folded one only finds the row again.
        self.folded_email = fold_email(email)
        return email


class Customer(Addressee, Model):
    """Somebody with an account; `is_staff` lets them into the staff pages.

    Of the password, of the link that resets it and of the API token only hashes are kept.
    """

    __tablename__ = "customer"
    # SQLite stores a longer text all the same.
    __table_args__ = (CheckConstraint("length(address) <= 200", name="address"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    folded_email: Mapped[str] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    is_staff: Mapped[bool] = mapped_column(default=False)
    country_code: Mapped[str | None] = mapped_column(ForeignKey("country.code"))
    reset_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    reset_ends_at: Mapped[datetime | None]
    api_token_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]


class SignIn(Model):
    """One browser that a customer is signed in with, until `ends_at` or until it signs out."""

    __tablename__ = "sign_in"

    token: Mapped[str] = mapped_column(String(40), primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), index=True)
    ends_at: Mapped[datetime]
