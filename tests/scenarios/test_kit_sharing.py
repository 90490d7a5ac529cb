from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, select, text
from sqlalchemy.exc import OperationalError

from scenarios.kit.sharing import SharedRule, share_compiled
from shop.models import Product


def make_engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}")
    share_compiled(engine)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS product (id INTEGER, sku TEXT)"))
    return engine


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[tuple[Engine, Engine]]:
    both = make_engine(tmp_path / "one.sqlite3"), make_engine(tmp_path / "two.sqlite3")
    yield both
    for engine in both:
        engine.dispose()


def test_what_one_engine_has_compiled_another_uses(engines: tuple[Engine, Engine]) -> None:
    statement = select(Product.sku).where(Product.id == 17)
    kept = []
    for engine in engines:
        with engine.connect() as connection:
            compiled = connection.execute(statement).context.compiled
            kept.append(compiled)

    assert kept[0] is kept[1]


def test_each_engine_keeps_its_own_rows(engines: tuple[Engine, Engine]) -> None:
    one, other = engines
    with one.begin() as connection:
        connection.execute(text("INSERT INTO product (id, sku) VALUES (17, 'LAMP')"))

    found = []
    for engine in (one, other):
        with engine.connect() as connection:
            found.append(connection.scalars(select(Product.sku)).all())

    assert found == [["LAMP"], []]


def test_a_database_that_is_away_fails_when_it_is_used_and_not_before(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'no folder' / 'store.sqlite3'}")

    share_compiled(engine)

    with pytest.raises(OperationalError):
        engine.connect()


def make_app(rule: str) -> Flask:
    app = Flask("shelf")
    app.url_rule_class = SharedRule
    app.config["SERVER_NAME"] = "shop.example"
    app.add_url_rule(rule, endpoint="shelf", defaults={"page": 1}, view_func=lambda **_: "")
    return app


def test_addresses_are_built_as_each_application_has_them() -> None:
    built = []
    for rule in ("/shelf/<int:number>", "/shelf/<number>", "/shelf/<int:number>", "/<number>/x"):
        with make_app(rule).app_context() as context:
            built.append(context.app.url_for("shelf", number=7, sort="a b", _external=False))

    assert built == ["/shelf/7?sort=a+b", "/shelf/7?sort=a+b", "/shelf/7?sort=a+b", "/7/x?sort=a+b"]
    with (
        make_app("/shelf/<int:number>").app_context() as context,
        pytest.raises(ValueError, match="invalid literal"),
    ):
        context.app.url_for("shelf", number="x")
