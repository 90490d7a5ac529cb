"""One spelling for each email address."""


def fold_email(address: str) -> str:
    """Return the spelling under which an address is looked up.

    Case is folded in Python, for all letters, because the databases disagree on it.
    """
    return address.strip().casefold()
