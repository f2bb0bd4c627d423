"""A draft that tells somebody the owner trusts how this month's people stand; with their names only where asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from rules.asked_for import Asked, asked_for
from rules.facts import Address
from rules.month import Month
from rules.network import Network
from rules.suggestions import Suggestion
from rules.wording import Word, Wording
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
    language = wording.language(TEMPLATE, network.owner.language)
    words: dict[str, Word] = {
        "name": to.name or to.email,
        "month": wording.since(language, date.fromisoformat(f"{month.name}-01"), date.min),
        "count": len(month.people),
        "names": wording.listed(language, _names(month, network) if has_names else ()),
    }
    asked = Asked(rule=RULE, cause=f"share:{month.name}", to=to, template=TEMPLATE, language=language, words=words)
    return asked_for(asked, network.owner, now, wording, network.ledger)


def _names(month: Month, network: Network) -> Sequence[str]:
    """Name those outside; nothing about internal people leaves the owner."""
    known = {one.person.id: one for one in network.relations}
    chosen = (known.get(one.person_id) for one in month.people)
    return [called(one) for one in chosen if one is not None and not one.person.is_internal]
