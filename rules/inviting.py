"""Invites: who may be invited at all, and when one goes out that the owner was told of and did not stop."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from rules.keys import key
from rules.network import Network, Owner, Past, Relation
from rules.rule import Mode, Rule
from rules.suggestions import Key
from rules.words import called
from rules.workdays import next_inside

ANNOUNCEMENT = "announcement"
"""Rule and template of the hold that tells the owner of an invite; no rule of the rulebook."""
TOLD = timedelta(hours=12)
"""So long before it goes out, at the least, the owner can see what is announced."""
LATEST = timedelta(days=1)
"""So long after its time an announced invite still goes out; after that it is given up."""
SILENCE = timedelta(days=60)
"""After an invitation was declined."""


def announcement_key(owner: str, invite: Key, address: str) -> Key:
    """Make the key of the hold that announces an invite."""
    return key(owner, ANNOUNCEMENT, f"invite:{invite}", address)


def is_known(relation: Relation) -> bool:
    """Tell whether the two have written to each other or met: nobody else is ever invited."""
    return relation.meetings_held > 0 or (relation.last_in_at is not None and relation.last_out_at is not None)


def may_announce(relation: Relation) -> bool:
    """Tell whether an invite may go out unless the owner stops it: to whom they named, and own-team one-to-ones."""
    return relation.person.is_key or (relation.person.is_internal and relation.one_to_ones_held > 0)


def is_announced(rule: Rule, mode: Mode, relation: Relation) -> bool:
    """Tell whether an invite of a rule is announced; else it waits for the owner to approve it."""
    return rule.approval == "veto" and mode == "create" and may_announce(relation)


def goes_out_at(owner: Owner, rule: Rule, now: datetime) -> datetime:
    """Return when an invite announced now goes out: inside the owner's hours."""
    return next_inside(owner, now + rule.timing.veto, None)


def uninvited(relation: Relation, network: Network) -> Iterator[str]:
    """Yield what speaks against inviting somebody, whatever a rule finds."""
    name = called(relation)
    if not network.owner.addresses:
        yield "I do not know from which address you invite."
    if not is_known(relation):
        yield f"You and {name} have neither written to each other nor met: I invite no strangers."


def declined(pasts: tuple[Past, ...], name: str, now: datetime) -> Iterator[str]:
    """Yield that somebody has declined an invitation not long ago."""
    ends = [past.closed_at for past in pasts if past.close_reason == "declined" and past.closed_at is not None]
    if ends and now < max(ends) + SILENCE:
        yield f"{name} declined an invitation, so I leave them alone until {max(ends) + SILENCE:%d %B %Y}."


def over(network: Network, invite: str, mode: Mode) -> str:
    """Say why the hold that announces an invite is no longer of use; "" while the invite is still to go out."""
    past = next((past for past in network.ledger if past.key == invite), None)
    if past is None or past.state == "closed":
        return "What it announced does not go out."
    if past.state == "delivered":
        return "The invitation it announced has gone out."
    return "" if past.state != "planned" and mode == "create" else "What it announced waits for your word."
