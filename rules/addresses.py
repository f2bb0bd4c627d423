"""An address as a key: the form two spellings of one mailbox share, its domain, and the organisation behind it."""

from __future__ import annotations


def match_key(email: str) -> str:
    """Return the form under which spellings of one mailbox are equal, "" for what is no address of the outside world.

    Lower-case, domain in IDNA form, plus tags stripped, Gmail dots and googlemail.com folded. An Exchange legacy DN
    and its IMCEAEX encapsulation are no addresses. Idempotent; the address as written is kept by the caller.
    """
    raise NotImplementedError


def domain_of(key: str) -> str:
    """Return the domain of a match key, "" where there is none."""
    raise NotImplementedError


def organisation(key: str) -> str:
    """Return the registrable domain of a match key (publicsuffix.org), "" for free mail and for no address."""
    raise NotImplementedError


def is_freemail(key: str) -> bool:
    """Tell whether anybody can have an address at this domain, so that it names no organisation."""
    raise NotImplementedError
