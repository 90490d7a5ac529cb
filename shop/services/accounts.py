"""Accounts of customers: open one, sign in and out, change it, and get back in without a password.

Passwords are hashed before a transaction begins, because that takes longer than all its statements.
Signing in with an unknown address takes as long as with a known one, so that neither time nor
sentence tells who has an account.
"""

import hashlib
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cache
from zlib import crc32

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from shop.db import changed_rows, end_read, insert, transaction
from shop.domain.email_address import fold_email
from shop.errors import DestinationNotServed, EmailTaken, LinkExpired, SignInRefused
from shop.gateways.mailer import Mailer
from shop.models import Cart, Country, Customer, SignIn
from shop.services.cart import new_token
from shop.services.jobs import enqueue
from shop.services.mails import Link, write_mail

SIGN_IN_LASTS = timedelta(hours=12)
LINK_LASTS = timedelta(hours=1)
# One mail a minute: who presses the button again has not read the first yet.
_RESET_EVERY_SECONDS = 60

# The first choice of OWASP's Password Storage Cheat Sheet: 19 MiB, two passes, one lane.
hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


@dataclass(frozen=True, slots=True)
class Profile:
    """What customers may change about themselves; the address fills in their checkout form."""

    name: str
    address: str
    city: str
    postcode: str
    country_code: str


def register(session: Session, email: str, name: str, password: str, now: datetime) -> None:
    """Open an account with an empty cart.

    :raises EmailTaken: when there is one with this address, whatever its case.
    """
    facts = {"email": email, "folded_email": fold_email(email), "name": name, "created_at": now}
    account = insert(session, Customer).values(**facts, password_hash=hasher.hash(password))
    with transaction(session):
        unless_taken = account.on_conflict_do_nothing(index_elements=["folded_email"])
        customer_id = session.scalar(unless_taken.returning(Customer.id))
        if customer_id is None:
            raise EmailTaken
        cart = Cart(token=new_token(), checkout_token=new_token(), created_at=now)
        cart.customer_id = customer_id
        session.add(cart)


def sign_in(session: Session, email: str, password: str, now: datetime) -> str:
    """Let a browser in, and return the token that it shows from now on.

    :raises SignInRefused: when address and password do not belong together.
    """
    found = select(Customer.id, Customer.password_hash)
    row = session.execute(found.where(Customer.folded_email == fold_email(email))).one_or_none()
    customer_id, password_hash = row or (0, _hash_of_nobody())
    end_read(session)
    if not _matches(password_hash, password) or not customer_id:
        raise SignInRefused
    token = new_token()
    with transaction(session):
        _set_password(session, customer_id, password_hash, password_hash)
        ended = SignIn.customer_id == customer_id, SignIn.ends_at <= now
        session.execute(delete(SignIn).where(*ended))
        session.add(SignIn(token=token, customer_id=customer_id, ends_at=now + SIGN_IN_LASTS))
    return token


def sign_out(session: Session, token: str) -> None:
    """End one browser's sign-in, so that not even a copy of its cookie lets anybody in."""
    with transaction(session):
        session.execute(delete(SignIn).where(SignIn.token == token))


def edit_profile(session: Session, customer_id: int, profile: Profile) -> None:
    """Change what customers may change about themselves, and nothing else.

    :raises DestinationNotServed: when the store knows no such country.
    """
    values = {**asdict(profile), "country_code": profile.country_code or None}
    with transaction(session):
        if profile.country_code and session.get(Country, profile.country_code) is None:
            raise DestinationNotServed
        session.execute(update(Customer).where(Customer.id == customer_id).values(values))


def change_password(session: Session, customer_id: int, current: str, new: str, token: str) -> None:
    """Change the password, and sign every browser out but the one with this token.

    :raises SignInRefused: when the current password is another.
    """
    password_hash = session.get_one(Customer, customer_id).password_hash
    end_read(session)
    if not _matches(password_hash, current):
        raise SignInRefused
    new_hash = hasher.hash(new)
    with transaction(session):
        _set_password(session, customer_id, password_hash, new_hash, reset_hash=None)
        others = SignIn.customer_id == customer_id, SignIn.token != token
        session.execute(delete(SignIn).where(*others))


def request_password_reset(session: Session, email: str, now: datetime) -> None:
    """Queue a mail with a link, if there is an account; the caller is not told.

    An address without one gets a job too, under a number that no customer has and that is its own:
    who measures the answer learns nothing. The job then finds nobody.
    """
    folded, nth = fold_email(email), int(now.timestamp()) // _RESET_EVERY_SECONDS
    with transaction(session):
        found = session.scalar(select(Customer.id).where(Customer.folded_email == folded))
        customer_id = found or -(crc32(folded.encode()) >> 1)
        enqueue(session, "send_password_reset", now, nth, customer_id=customer_id)


def send_password_reset(
    session: Session, mailer: Mailer, customer_id: int, reset_link: Link, now: datetime
) -> None:
    """Mail a link that sets a new password, to the address that the account has.

    The token is made here and stands in no job. A link that was sent before stops working.
    """
    token = new_token()
    changes = {"reset_hash": hash_token(token), "reset_ends_at": now + LINK_LASTS}
    own = update(Customer).where(Customer.id == customer_id).values(changes)
    with transaction(session):
        found = session.execute(own.returning(Customer.email, Customer.name)).one_or_none()
    if found is None:
        return
    (email, name), key = found, hash_token(token)[:20]
    mail = write_mail("password_reset", email, key, now, name=name, link=reset_link(token))
    mail["Subject"] = "A new password for Brindle & Bolt"
    mailer.send(mail)


def reset_password(session: Session, token: str, password: str, now: datetime) -> None:
    """Set the password of whoever got the link, once; sign all browsers and programs out.

    :raises LinkExpired: when the token is not the last one sent, was used, or is too old.
    """
    with_link = Customer.reset_hash == hash_token(token), Customer.reset_ends_at > now
    changes = {"password_hash": hasher.hash(password), "reset_hash": None, "api_token_hash": None}
    own = update(Customer).where(*with_link).values(changes)
    with transaction(session):
        customer_id = session.scalar(own.returning(Customer.id))
        if customer_id is None:
            raise LinkExpired
        session.execute(delete(SignIn).where(SignIn.customer_id == customer_id))


def make_api_token(session: Session, customer_id: int) -> str:
    """Return a new API token, which takes the place of the one before; only its hash is kept."""
    token = new_token()
    own = update(Customer).where(Customer.id == customer_id)
    with transaction(session):
        session.execute(own.values(api_token_hash=hash_token(token)))
    return token


def hash_token(token: str) -> str:
    """Return what is kept of a token; 128 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def _set_password(session: Session, customer_id: int, old: str, new: str, **values: None) -> None:
    """Set the password's hash from old to new; both may be the same, which keeps it as it is.

    Whoever has changed it since it was read has signed everybody out, and this must not undo that.
    """
    as_read = update(Customer).where(Customer.id == customer_id, Customer.password_hash == old)
    if not changed_rows(session, as_read.values(password_hash=new, **values)):
        raise SignInRefused


@cache
def _hash_of_nobody() -> str:
    return hasher.hash(new_token())


def _matches(password_hash: str, password: str) -> bool:
    try:
        return hasher.verify(password_hash, password)
    except VerifyMismatchError:
        return False
