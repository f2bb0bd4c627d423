"""A first line to someone the owner does not know yet: what it is about, how little time it takes, and an easy way out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rules.addresses import match_key
from rules.facts import Address
from rules.fresh import in_fresh_words
from rules.keys import key, message_id
from rules.network import Owner, Past
from rules.suggestions import Draft, Evidence, Suggestion
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
    address, sender = match_key(wish.address.email), owner.addresses[0]
    cause = f"want:{address}"
    name = key(owner.name, RULE, cause, address)
    language = wording.language(TEMPLATE, wish.language, owner.language)
    words: dict[str, Word] = {
        "name": wish.address.name or wish.address.email,
        "names": wish.first_name,
        "reason": wish.reason,
        "about": one_line(wish.about),
        "minutes": wish.minutes,
    }
    written = in_fresh_words(TEMPLATE, language, words, to=wish.address.email, owner=owner, wording=wording, ledger=ledger)
    if written is None:
        return None
    draft = Draft(
        key=name,
        message_id=message_id(name, sender.email.rpartition("@")[2]),
        from_=Address(email=sender.email, name=one_line(owner.full_name or sender.name)),
        to=(Address(email=one_line(wish.address.email), name=one_line(wish.address.name)),),
        subject=written.subject,
        text=written.text,
        html=written.html,
        date=now,
    )
    return Suggestion(
        key=name,
        rule=RULE,
        cause=cause,
        person_id=address,
        address=address,
        action=draft,
        why=wording.why(TEMPLATE, wording.language(TEMPLATE, owner.language), words),
        evidence=(Evidence(text="you asked for it", at=now),),
        due_at=now,
    )
