"""A draft the owner has asked for: in words nobody at that organisation had before, once for its cause, and beside all caps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from rules.addresses import match_key
from rules.facts import Address
from rules.fresh import in_fresh_words
from rules.keys import key, message_id
from rules.network import Owner, Past
from rules.suggestions import Draft, Evidence, Key, Suggestion
from rules.wording import Word, Wording, Written, one_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the owner has asked for: to whom, and what is to be said."""

    rule: str
    cause: str
    """With the address what makes it unique."""
    to: Address
    template: str
    language: str
    """Of the draft; the why is in the owner's own."""
    words: Mapping[str, Word]


def asked_for(asked: Asked, owner: Owner, now: datetime, wording: Wording, ledger: Iterable[Past]) -> Suggestion | None:
    """Write the draft; None where the organisation it goes to has had these words in every variant there is, by `ledger`.

    `owner` has an address.
    """
    template, words, address = asked.template, asked.words, match_key(asked.to.email)
    name = key(owner.name, asked.rule, asked.cause, address)
    written = in_fresh_words(template, asked.language, words, to=asked.to.email, owner=owner, wording=wording, ledger=ledger)
    if written is None:
        return None
    return Suggestion(
        key=name,
        rule=asked.rule,
        cause=asked.cause,
        person_id=address,
        address=address,
        action=_draft(name, written, asked.to, owner, now),
        why=wording.why(template, wording.language(template, owner.language), words),
        evidence=(Evidence(text="you asked for it", at=now),),
        due_at=now,
    )


def _draft(name: Key, written: Written, to: Address, owner: Owner, now: datetime) -> Draft:
    sender = owner.addresses[0]
    return Draft(
        key=name,
        message_id=message_id(name, sender.email.rpartition("@")[2]),
        from_=Address(email=sender.email, name=one_line(owner.full_name or sender.name)),
        to=(Address(email=one_line(to.email), name=one_line(to.name)),),
        subject=written.subject,
        text=written.text,
        html=written.html,
        date=now,
    )
