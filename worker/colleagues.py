"""Colleagues' time: who is asked about before a time with them is chosen. What nobody can tell is unknown, not free."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from connectors.optional import Span
from rules.addresses import domain_of
from rules.engine import Decision
from rules.network import Busy, Network, Owner, Relation
from rules.suggestions import Hold, Invite, Suggestion

HORIZON: Final = timedelta(days=28)
"""How far ahead times are chosen, and a little more."""
ROUNDS: Final = 3
"""How often a time is chosen anew: whoever takes another's place was not asked about yet."""
Ask = Callable[[Sequence[str], datetime, datetime], Mapping[str, Sequence[Span]]]
"""Tells when whoever has these addresses is busy between two instants; who is missing is unknown. Raises nothing."""


def agreed(seen: Network, decide: Callable[[Network], Decision], ask: Ask, now: datetime) -> Decision:
    """Decide, and again as long as a chosen time turns out to be in the way of a colleague's."""
    decision = decide(seen)
    for _ in range(ROUNDS):
        known = informed(seen, decision.suggestions, ask, now)
        if known is None:
            break
        seen, decision = known, decide(known)
    return decision


def informed(seen: Network, suggestions: Iterable[Suggestion], ask: Ask, now: datetime) -> Network | None:
    """Add when colleagues are busy with whom a time has been chosen; None where no chosen time is in the way of theirs."""
    chosen = [one for one in suggestions if isinstance(one.action, Hold | Invite)]
    wanted = {one.person_id: one for one in chosen}
    people = {one.person.id: internal(one, seen.owner) for one in seen.relations if one.person.id in wanted}
    addresses = sorted({address for each in people.values() for address in each})
    if not addresses:
        return None
    start = now.replace(minute=0, second=0, microsecond=0)
    known = ask(addresses, start, start + HORIZON)
    busy = {id_: [Busy(start=a, end=b) for each in theirs for a, b in known.get(each, ())] for id_, theirs in people.items()}
    if not any(_is_in_the_way(wanted[id_], spans) for id_, spans in busy.items()):
        return None
    return replace(seen, relations=[replace(one, busy=busy.get(one.person.id, one.busy)) for one in seen.relations])


def internal(relation: Relation, owner: Owner) -> tuple[str, ...]:
    """List the addresses a person has in the owner's organisation."""
    parts = ((address, domain_of(address)) for address in relation.person.addresses)
    return tuple(address for address, domain in parts if any(domain == own or domain.endswith(f".{own}") for own in owner.domains))


def _is_in_the_way(suggestion: Suggestion, spans: Iterable[Busy]) -> bool:
    action = suggestion.action
    return isinstance(action, Hold | Invite) and any(one.start < action.end and one.end > action.start for one in spans)
