import pytest

from shop.domain.email_address import fold_email


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("ada@example.com", "ada@example.com"),
        ("  Ada@Example.COM\n", "ada@example.com"),
        ("ÉLODIE@example.com", "élodie@example.com"),
        # The sign for kelvin looks like a K and is one, to a reader of mail.
        ("\N{KELVIN SIGN}ate@example.com", "kate@example.com"),
        ("stra\N{LATIN SMALL LETTER SHARP S}e@example.com", "strasse@example.com"),
    ],
)
def test_an_address_has_one_spelling(typed: str, stored: str) -> None:
    assert fold_email(typed) == stored


def test_a_folded_address_stays_as_it_is() -> None:
    folded = fold_email("ΣΊΣΥΦΟΣ@example.com")

    assert fold_email(folded) == folded


def test_a_dotless_i_is_another_letter_than_i() -> None:
    assert fold_email("d\N{LATIN SMALL LETTER DOTLESS I}na@example.com") != "dina@example.com"
