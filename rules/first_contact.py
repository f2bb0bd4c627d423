"""A first line to someone the owner does not know yet: what it is about, how little time it takes, and an easy way out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rules.addresses import match_key
from rules.asked_for import Asked, asked_for
from rules.facts import Address
from rules.network import Owner, Past
from rules.suggestions import Suggestion
from rules.wording import Word, Wording, one_line

Reason = Literal["advice", "experience", "idea", "acquaintance"]
RULE = "want"
TEMPLATE = "first_contact"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Someone the owner wants to get to know, as they said it."""

    address: Address
    first_name: str = ""
    """As the owner gave it; "" makes the greeting neutral."""
    reason: Reason = "acquaintance"
    about: str = ""
    """A few words of the owner's that complete "your advice on ..."."""
    minutes: int = 15
    language: str = ""


def first_contact(wish: Wish, owner: Owner, now: datetime, wording: Wording, ledger: Iterable[Past] = ()) -> Suggestion | None:
    """Write the draft; None where the organisation has had these words by `ledger` in every variant there is.

    Asked for by the owner, it needs no cap; the same address never gets two. `owner` has an address.
    """
    words: dict[str, Word] = {
        "name": wish.address.name or wish.address.email,
        "names": wish.first_name,
        "reason": wish.reason,
        "about": one_line(wish.about),
        "minutes": wish.minutes,
    }
    asked = Asked(
        rule=RULE,
        cause=f"want:{match_key(wish.address.email)}",
        to=wish.address,
        template=TEMPLATE,
        language=wording.language(TEMPLATE, wish.language, owner.language),
        words=words,
    )
    return asked_for(asked, owner, now, wording, ledger)
