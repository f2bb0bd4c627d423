"""An address as a key: the form two spellings of one mailbox share, its domain, and the organisation behind it."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from rules.wordlists import FREE_MAIL

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

CACHED: Final = 1 << 17
"""Addresses kept ready: more than a large mailbox names, some 30 MB at most."""

LONGEST: Final = 320
"""RFC 3696 erratum 1690: 64 for the local part, one, 255 for the domain."""

MACHINE_TAGS: Final = frozenset({"bot", "robot", "ci", "cron", "noreply", "daemon", "notify", "notification", "notifications"})
"""Words of a plus tag that make the tagged address one of its own: a bot that sits under an employee's address."""


FREE_MAIL_BRANDS: Final = frozenset({"hotmail", "outlook", "live", "yahoo", "gmx", "yandex"})
"""Free mail under many country domains: yahoo.co.uk, hotmail.fr, outlook.de."""

COUNTRY: Final = re.compile(r"(?:com?\.)?[a-z]{2}")
UNFIT: Final = re.compile(r"[\s\x00-\x1f\x7f\"<>()\[\],;:\\@\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


@lru_cache(maxsize=CACHED)
def match_key(email: str) -> str:
    """Return the form under which spellings of one mailbox are equal, "" for what is no address of the outside world.

    Lower-case, domain in IDNA form, plus tags stripped (but for a bot's), Gmail dots and googlemail.com folded, the "-"
    tag of Yahoo stripped. An Exchange legacy DN and its IMCEAEX encapsulation are no addresses. Idempotent; the
    address as written is kept by the caller.
    """
    local, at, domain = email.strip().strip("<>").lower().rpartition("@")
    local = _unquoted(local)
    domain = _idna(domain).rstrip(".")
    if not (at and local and domain) or len(local) + len(domain) >= LONGEST:
        return ""
    if UNFIT.search(local) or UNFIT.search(domain) or local.startswith(("imcea", "/o=")):
        return ""
    return f"{_bare(local, domain)}@{'gmail.com' if domain == 'googlemail.com' else domain}"


def _unquoted(local: str) -> str:
    """Drop the quotes of a quoted local part (RFC 5322 3.4.1) that needs none."""
    return local[1:-1] if len(local) > 2 and local[0] == local[-1] == '"' else local  # noqa: PLR2004 - two quotes and more


def _idna(domain: str) -> str:
    """Bring a domain to its ASCII form; "" where it has none."""
    if domain.isascii():
        return domain
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def _bare(local: str, domain: str) -> str:
    """Strip from a local part what its provider ignores."""
    bare, _, tag = local.partition("+")
    if bare and tag and not MACHINE_TAGS.isdisjoint(re.split(r"[^a-z]+", tag)):
        return local
    bare = bare or local
    if domain in {"gmail.com", "googlemail.com"}:
        return bare.replace(".", "") or bare
    if domain.partition(".")[0] == "yahoo":
        return bare.partition("-")[0] or bare
    return bare


def domain_of(key: str) -> str:
    """Return the domain of a match key, "" where there is none."""
    return key.rpartition("@")[2] if "@" in key else ""


@lru_cache(maxsize=CACHED)
def organisation(key: str) -> str:
    """Return the registrable domain of a match key (publicsuffix.org), "" for free mail and for no address."""
    domain = domain_of(key)
    if not domain or is_freemail(key):
        return ""
    return _suffixes().privatesuffix(domain) or ""


def is_freemail(key: str) -> bool:
    """Tell whether anybody can have an address at this domain, so that it names no organisation."""
    domain = domain_of(key)
    brand, _, rest = domain.partition(".")
    return domain in FREE_MAIL or (brand in FREE_MAIL_BRANDS and COUNTRY.fullmatch(rest) is not None)


@cache
def _suffixes() -> PublicSuffixList:
    """Build the public suffix list on first use: it takes 75 ms."""
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415 - nothing heavy on import

    return PublicSuffixList()
