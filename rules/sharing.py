"""A draft that tells somebody the owner trusts how this month's people stand; with their names only where asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from rules.addresses import match_key
from rules.facts import Address
from rules.fresh import in_fresh_words
from rules.keys import key, message_id
from rules.month import Month
from rules.network import Network
from rules.suggestions import Draft, Evidence, Suggestion
from rules.wording import Word, Wording, one_line
from rules.words import called

RULE = "share"
TEMPLATE = "share_month"


def shared_month(
    month: Month, network: Network, to: Address, now: datetime, wording: Wording, *, has_names: bool = False
) -> Suggestion | None:
    """Write the draft; nothing in it but how many, and with `has_names` who of those outside the owner's organisation.

    None where the organisation it goes to has had these words in every variant there is. Asked for by the owner, it needs
    no cap; one per month and address. `network.owner` has an address.
    """
    owner = network.owner
    address, sender = match_key(to.email), owner.addresses[0]
    cause = f"share:{month.name}"
    name = key(owner.name, RULE, cause, address)
    language = wording.language(TEMPLATE, owner.language)
    names = _names(month, network) if has_names else ()
    words: dict[str, Word] = {
        "name": to.name or to.email,
        "month": wording.since(language, date.fromisoformat(f"{month.name}-01"), date.min),
        "count": len(month.people),
        "names": wording.listed(language, names),
    }
    written = in_fresh_words(TEMPLATE, language, words, to=to.email, owner=owner, wording=wording, ledger=network.ledger)
    if written is None:
        return None
    draft = Draft(
        key=name,
        message_id=message_id(name, sender.email.rpartition("@")[2]),
        from_=Address(email=sender.email, name=one_line(owner.full_name or sender.name)),
        to=(Address(email=one_line(to.email), name=one_line(to.name)),),
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
        why=wording.why(TEMPLATE, language, words),
        evidence=(Evidence(text="you asked for it", at=now),),
        due_at=now,
    )


def _names(month: Month, network: Network) -> Sequence[str]:
    """Name those outside; nothing about internal people leaves the owner."""
    known = {one.person.id: one for one in network.relations}
    chosen = (known.get(one.person_id) for one in month.people)
    return [called(one) for one in chosen if one is not None and not one.person.is_internal]
