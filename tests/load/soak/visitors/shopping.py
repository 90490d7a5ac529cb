"""What guests and customers have in common: they look around, fill a cart and order it."""

from dataclasses import dataclass
from itertools import cycle
from time import sleep

from tests.load.shopper import APPROVED, DECLINED, SLOW, read_form
from tests.load.soak.visitors.visitor import BRIEFING, NOTES, Page, Visitor, read_csrf

_HOME = {"name": "Zoë Ångström", "address": "1 Quay Street", "city": "Bristol"}
_TRIES_AT_THE_BUTTON = 4
_MAY_BE_REFUSED = (
    *("sold out", "limit reached", "total changed", "coupon refused", "gift card refused"),
    *("provider silent", "no card", "page out of date", "cart empty"),
)


@dataclass(frozen=True)
class Trip:
    """What somebody sets out to buy, and how."""

    goods: str = "plenty"
    card: str = APPROVED
    has_coupon: bool = False
    has_gift_card: bool = False
    country: str = "GB"
    method: str = "standard"
    presses_twice: bool = False


_USUAL = (
    Trip(has_coupon=True),
    Trip(method="express", country="DE"),
    Trip("limited", presses_twice=True),
    Trip(has_gift_card=True),
    Trip(card=DECLINED, has_coupon=True),
    Trip("scarce"),
    Trip(presses_twice=True),
    Trip(country="US"),
    Trip(has_coupon=True, has_gift_card=True, method="express"),
    Trip(card=DECLINED, has_gift_card=True),
    Trip("limited", has_coupon=True),
    Trip(country="SE", method="express", presses_twice=True),
)
# Taken in turn by all visitors, so that also a short run has some of each. A slow card keeps a
# worker for three seconds.
TRIPS = cycle((*_USUAL, *_USUAL, Trip(card=SLOW)))


class Shopping(Visitor):
    """Somebody with a cart."""

    abstract = True

    def look_around(self) -> None:
        """Open some pages as people do who have not decided yet."""
        self.ask("catalog", "GET", "/", shows="/products/")
        sort = self.dice.choice(("newest", "name", "cheapest", "dearest"))
        self.ask("catalog sorted", "GET", f"/?sort={sort}", shows="/products/")
        self.ask("search", "GET", "/?q=lamp", shows="harbor-desk-lamp")
        self.open_product(self.dice.choice(BRIEFING.plenty))

    def open_product(self, slug: str) -> Page:
        """Open a product's page."""
        return self.ask("product", "GET", f"/products/{slug}", shows='id="reviews"')

    def buy(self, trip: Trip, email: str) -> str | None:
        """Fill the cart and order it; return the order's number unless the store refuses."""
        added = [self.put_in_cart(slug) for slug in self._choose(trip)]
        if not any(added):
            return None
        self.change_cart()
        form = self._fill_in(trip, email)
        return self._press(form, trip) if form else None

    def _choose(self, trip: Trip) -> list[str]:
        if trip.goods == "plenty":
            return self.dice.sample(BRIEFING.plenty, 2)
        return [BRIEFING.limited if trip.goods == "limited" else self.dice.choice(BRIEFING.scarce)]

    def put_in_cart(self, slug: str) -> bool:
        """Put some units of a product into the cart, unless it is sold out."""
        page, action = self.open_product(slug), f"/products/{slug}/add"
        if f'action="{action}"' not in page.text:
            self.note_refusal("sold out")
            return False
        form = read_form(page.text, action) | {"quantity": str(self.dice.randint(1, 2))}
        may = ("cart full", "sold out")
        added = self.ask("add to cart", "POST", action, status=303, may=may, data=form)
        return not added.refusal

    def change_cart(self) -> None:
        """Look into the cart, and sometimes take one more of something."""
        page = self.ask("cart", "GET", "/cart", shows="Your cart")
        if self.dice.random() < 0.3 and '/remove"' in page.text:
            sku = page.text.partition('action="/cart/lines/')[2].partition('"')[0]
            form = {"csrf_token": read_csrf(page.text), "quantity": str(self.dice.randint(1, 3))}
            path, may = f"/cart/lines/{sku}", ("sold out",)
            self.ask("change cart", "POST", path, status=303, may=may, data=form)

    def _fill_in(self, trip: Trip, email: str) -> dict[str, str] | None:
        """Return the checkout form as somebody sends it who has seen the total."""
        page = self.ask("checkout", "GET", "/checkout", shows="Place order", may=("cart empty",))
        if page.refusal:
            return None
        codes = {
            "coupon_code": self.dice.choice(BRIEFING.coupons) if trip.has_coupon else "",
            "gift_card_code": self.dice.choice(BRIEFING.gift_cards) if trip.has_gift_card else "",
        }
        where = {"country_code": trip.country, "shipping_method": trip.method, "postcode": "BS1"}
        typed = _HOME | where | codes | {"email": email, "card_number": trip.card}
        return self._quote(read_form(page.text, "/checkout") | typed, typed)

    def _quote(self, form: dict[str, str], typed: dict[str, str]) -> dict[str, str] | None:
        may = ("too many tries",) if typed["gift_card_code"] else ()
        page = self.ask("quote", "POST", "/checkout/quote", shows="Place order", may=may, data=form)
        if page.refusal:
            return None
        for name, kind in (("coupon_code", "coupon"), ("gift_card_code", "gift card")):
            # Half of them take a refused code out, the others press the button all the same.
            if typed[name] and 'role="alert"' in page.text and self.dice.random() < 0.5:
                self.note_refusal(f"{kind} refused")
                typed = typed | {name: ""}
                return self._quote(read_form(page.text, "/checkout") | typed, typed)
        return read_form(page.text, "/checkout") | typed

    def _press(self, form: dict[str, str], trip: Trip) -> str | None:
        """Press the button, and again where the total has changed or the provider is silent."""
        tries = ("too many tries",) if form["gift_card_code"] else ()
        may = (*_MAY_BE_REFUSED, *tries)
        for _ in range(_TRIES_AT_THE_BUTTON):
            page = self.ask("place order", "POST", "/checkout", status=303, may=may, data=form)
            if not page.refusal:
                return self._follow(page.location.rpartition("/")[2], form, trip)
            if page.refusal not in ("total changed", "provider silent"):
                return None
            form = form | read_form(page.text, "/checkout")
            sleep(self.dice.uniform(0.2, 1))
        return None

    def _follow(self, number: str, form: dict[str, str], trip: Trip) -> str:
        NOTES.numbers.append(number)
        path = f"/orders/{number}"
        if trip.presses_twice:
            self.ask("place order again", "POST", "/checkout", data=form, status=303, leads_to=path)
        self.ask("order", "GET", path, shows=number)
        return number

    def cancel(self, number: str) -> None:
        """Cancel an order, unless it is too late."""
        # A guest's page of an order that was declined meanwhile has no form, and so no token.
        page = self.ask("find-order page", "GET", "/orders/find", shows="Order number")
        self.ask(
            *("cancel order", "POST", f"/orders/{number}/cancel"),
            status=303,
            may=("too late or too early", "changed meanwhile"),
            data={"csrf_token": read_csrf(page.text)},
        )
