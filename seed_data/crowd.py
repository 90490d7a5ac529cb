"""Made-up goods and made-up people, as many as are wanted."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from seed_data.chance import DAY, OPENING_DAY, Dice, Weights, write_moment
from shop.domain.email_address import fold_email
from shop.domain.money import CURRENCY
from shop.models.catalog import fold_name

WORDS: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("large.toml").read_text(encoding="utf-8")
)
PRODUCT_COLUMNS = (
    *("id", "sku", "slug", "name", "search_name", "summary", "description", "price_amount"),
    *("currency", "category_id", "picture", "picture_alt", "listed_at", "version", "limit_days"),
    *("review_count", "stars_total"),
)


class Good(NamedTuple):
    """What an order needs to know of a product."""

    id: int
    sku: str
    name: str
    price: int


class Person(NamedTuple):
    """Whom a parcel goes to, in the order of the columns that customers and orders share."""

    email: str
    name: str
    address: str
    city: str
    postcode: str
    folded_email: str
    country_code: str


def make_products(
    first_id: int, count: int, models: Sequence[Any], dice: Dice
) -> Iterator[tuple[Good, tuple[str | int, ...]]]:
    """Yield products with their rows: each is another maker's version of one of `models`.

    They were listed before the store opened, the oldest first, so that what the standard store
    sells is what is new.
    """
    for nth in range(count):
        model = models[nth % len(models)]
        maker, finish = dice.pick(WORDS["makers"]), dice.pick(WORDS["finishes"])
        name = f"{maker} {model.name} in {finish}, No. {nth // len(models) + 1}"
        sku = f"{model.sku[:3]}-{nth + 1:06}"
        slug = f"{_spell(f'{maker} {finish}')}-{sku.lower()}"
        price = max(5, model.price_amount * (50 + dice.below(150)) // 500 * 5)
        listed_at = write_moment(OPENING_DAY * DAY * (nth + 1) // (count + 1))
        yield (
            Good(first_id + nth, sku, name, price),
            (
                *(first_id + nth, sku, slug, name, fold_name(name), model.summary),
                *(model.description, price, CURRENCY, model.category_id, model.picture),
                *(model.picture_alt, listed_at, 1, 1, 0, 0),
            ),
        )


class People:
    """A source of people, no two of whom share an email address."""

    def __init__(self, host: str, dice: Dice) -> None:
        """Begin; `host` is where their mail goes."""
        self._host = host
        self._dice = dice
        self._count = 0
        self._places = WORDS["places"]
        self._shares = Weights(place["share"] for place in self._places)

    def make(self) -> Person:
        """Return the next one."""
        dice = self._dice
        self._count += 1
        given, family = dice.pick(WORDS["given_names"]), dice.pick(WORDS["family_names"])
        email = f"{given}.{family}.{self._count}@{self._host}"
        place = self._places[self._shares.pick(dice)]
        address = f"{dice.below(180) + 1} {dice.pick(WORDS['streets'])}"
        postcode = place["postcode"].format(f"{dice.below(90) + 10}")
        city, country = dice.pick(place["cities"]), place["country_code"]
        return Person(
            email, f"{given} {family}", address, city, postcode, fold_email(email), country
        )


def _spell(name: str) -> str:
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")
