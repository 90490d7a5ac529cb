"""What the commands share: which database they run on, and the folder of a run."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError


def _check_database(
    _context: click.Context, _option: click.Parameter, url: str | None
) -> str | None:
    if url is not None and not url.startswith("postgresql"):
        raise click.BadParameter("give postgresql+psycopg://USER@HOST/NAME, or nothing for SQLite.")
    if url is not None:
        _check_connection(url)
    return url


def _check_connection(url: str) -> None:
    try:
        engine = create_engine(url)
        engine.connect().close()
    except SQLAlchemyError as error:
        [why, *_] = str(getattr(error, "orig", None) or error).splitlines()
        raise click.BadParameter(f"it cannot be reached: {why}") from error
    engine.dispose()


database_option = click.option(
    "--database",
    metavar="URL",
    callback=_check_database,
    help="a PostgreSQL, on whose server a database is created and dropped; else a file of SQLite",
)


@contextmanager
def run_folder() -> Iterator[Path]:
    """Yield a folder for logs, ledgers and, on SQLite, the database.

    It is deleted at the end unless an exception or an exit leaves the block.
    """
    folder = Path(tempfile.mkdtemp(prefix="cartwreck-load-"))
    try:
        yield folder
    except BaseException:
        click.echo(f"The logs are kept in {folder}.", err=True)
        raise
    shutil.rmtree(folder)
