"""What `flask --app shop seed` does, and the one sentence that it ends with."""

from click import ClickException
from sqlalchemy import inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from seed_data.large import load_large_store
from seed_data.progress import shown_progress
from seed_data.standard import AlreadySeededError, load_standard_store


def seed_store(session: Session, orders: int, chance: int) -> str:
    """Load the standard store, and so many made-up orders if any; return what was done.

    :raises ClickException: when nothing could be done; then nothing was.
    """
    try:
        if not inspect(session.get_bind()).has_table("product"):
            raise ClickException("There are no tables yet. Run `flask --app shop migrate` first.")
        if not orders:
            return f"Seeded {load_standard_store(session)} products."
        with shown_progress() as tell:
            load_large_store(session, orders, chance, tell)
        return f"Seeded the standard store and {orders:,} made-up orders."
    except AlreadySeededError as error:
        return str(error)
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise ClickException(f"Nothing was seeded. The database says: {reason}.") from error
