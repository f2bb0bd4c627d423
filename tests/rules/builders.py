"""Networks in domain words: an owner, the people around them, and what the two did, as rules see it."""
# ruff: noqa: ANN401 -- a builder takes any field by its name

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from typing import Any

from rules.addresses import match_key
from rules.engine import Decision
from rules.facts import Address
from rules.network import Guest, Mail, Meeting, Network, Owner, Past, Person, Relation
from rules.rhythm import Contact
from rules.suggestions import Draft, Hold

Decide = Callable[..., Decision]
"""Decide for these relations with the shipped rulebook; now=, book= and any field of the network by name."""
NOW = datetime(2026, 3, 10, 10, 30, tzinfo=UTC)
"""A Tuesday; 11:30 in Berlin."""
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
OLIVIA = Owner(
    name="olivia",
    full_name="Olivia Ost",
    addresses=(Address(email="olivia@own.example", name="Olivia Ost"), Address(email="olivia@alias.example", name="Olivia")),
    domains=frozenset({"own.example"}),
    zone="Europe/Berlin",
    signature="Olivia Ost\nCTO, Own",
)


def days_ago(days: float, hours: float = 0.0) -> datetime:
    return NOW - days * DAY - hours * HOUR


def address(text: str) -> Address:
    """Read "Anna Berg <anna@acme.example>"."""
    name, email = parseaddr(text)
    return Address(email=email, name=name)


def human(text: str, **more: Any) -> Person:
    """A person with a certain first name where there is a full one."""
    found = address(text)
    first = found.name.split()[0] if " " in found.name else ""
    kept: dict[str, Any] = {
        "id": f"p-{found.email}",
        "name": found.name,
        "addresses": (match_key(found.email),),
        "first_name": first,
    }
    return Person(**(kept | more))


def guest(person: Person | str, **more: Any) -> Guest:
    if isinstance(person, str):
        return Guest(address=address(person), **({"kind": "human", "response": "accepted"} | more))
    kept: dict[str, Any] = {"person_id": person.id, "kind": person.kind, "response": "accepted", "is_internal": person.is_internal}
    return Guest(address=Address(email=person.addresses[0], name=person.name), **(kept | more))


def meeting_with(*people: Person | Guest, ended: datetime | None = None, title: str = "Roadmap", **more: Any) -> Meeting:
    """A held meeting of the owner with these people, half an hour long, over three hours ago if nothing is said."""
    end = ended or NOW - 3 * HOUR
    guests = tuple(one if isinstance(one, Guest) else guest(one) for one in people)
    kept: dict[str, Any] = {
        "uid": f"m-{end:%Y%m%d%H%M}-{len(guests)}@cal.example",
        "original_start": end - HOUR / 2,
        "start": end - HOUR / 2,
        "end": end,
        "title": title,
        "guests": guests,
        "size": 1 + sum(one.response != "declined" for one in guests),
        "owner_response": "accepted",
        "account": "olivia/work",
        "account_connected_at": NOW - 400 * DAY,
        "evidence": "all accepted",
    }
    return Meeting(**(kept | more))


def mail_from(person: Person, at: datetime, subject: str = "Hello", **more: Any) -> Mail:
    kept: dict[str, Any] = {"direction": "in", "author": person.addresses[0], "to_alias": "olivia@own.example"}
    return Mail(message_id=f"in-{at:%Y%m%d%H%M%S}@mail.example", at=at, subject=subject, **(kept | more))


def mail_to(person: Person, at: datetime, subject: str = "Hello", **more: Any) -> Mail:
    kept: dict[str, Any] = {
        "direction": "out",
        "author": "olivia@own.example",
        "others": person.addresses,
        "to_alias": "olivia@own.example",
    }
    return Mail(message_id=f"out-{at:%Y%m%d%H%M%S}@mail.example", at=at, subject=subject, **(kept | more))


def exchange(person: Person, *times: datetime) -> tuple[Mail, ...]:
    """A mail from them at each time and the owner's answer an hour later."""
    return tuple(one for at in times for one in (mail_from(person, at), mail_to(person, at + HOUR, in_reply_to="x")))


def tie(person: Person, *, meetings: Iterable[Meeting] = (), mails: Iterable[Mail] = (), **more: Any) -> Relation:
    """The owner and a person, with everything that follows from their meetings and mails."""
    held = sorted(meetings, key=lambda one: one.end, reverse=True)
    sent = sorted(mails, key=lambda one: one.at, reverse=True)
    contacts = _contacts(held, sent)
    old = [one for one in held if one.end < NOW - 90 * DAY]
    ins, outs = ([c.at for c in contacts if c.direction == way] for way in ("in", "out"))
    kept: dict[str, Any] = {
        "contacts": contacts,
        "meetings": tuple(one for one in held if one not in old),
        "meetings_held": len(held),
        "one_to_ones_held": sum(one.size == 2 for one in held),
        "previous_meeting_at": old[0].end if old else None,
        "mails": tuple(one for one in sent if one.at >= NOW - 90 * DAY),
        "first_at": contacts[0].at if contacts else None,
        "last_at": contacts[-1].at if contacts else None,
        "last_in_at": max(ins, default=None),
        "last_out_at": max(outs, default=None),
        "interactions": len(held) + len(sent),
    }
    return Relation(person=person, **(kept | more))


def _contacts(meetings: Sequence[Meeting], mails: Sequence[Mail]) -> tuple[Contact, ...]:
    found = [
        Contact(at=one.at, direction=one.direction, recipients=one.recipients, is_reply=bool(one.in_reply_to)) for one in mails
    ]
    for one in meetings:
        found += [Contact(at=one.end, direction=way, recipients=one.size - 1, is_reply=True) for way in ("in", "out")]
    return tuple(sorted(found, key=lambda contact: contact.at))


def past(person: Person, rule: str, cause: str = "meeting:earlier", **more: Any) -> Past:
    """Something proposed before, ten days ago if nothing is said."""
    at = more.pop("created_at", days_ago(10))
    action = "draft" if rule in {"thank_you", "nudge", "opener", "organiser_thanks"} else "hold"
    kept: dict[str, Any] = {
        "key": f"{rule}-{cause}-{person.id}",
        "state": "delivered",
        "action": action,
        "addresses": person.addresses,
        "at": at,
    }
    return Past(rule=rule, cause=cause, created_at=at, **(kept | more))


def network(*relations: Relation, owner: Owner = OLIVIA, **more: Any) -> Network:
    kept: dict[str, Any] = {"relations": relations, "started_at": NOW - 400 * DAY}
    return Network(owner=owner, **(kept | more))


def with_ledger(relation: Relation, *pasts: Past) -> Relation:
    return replace(relation, ledger=pasts)


def removed(person: Person, rule: str, *ago: float) -> tuple[Past, ...]:
    """Things proposed so many days ago that the owner deleted."""
    return tuple(
        past(person, rule, f"{rule}:{n}", state="closed", close_reason="owner_deleted", created_at=days_ago(days))
        for n, days in enumerate(ago)
    )


def drafts(decision: Decision, rule: str = "thank_you") -> list[Draft]:
    return [one.action for one in decision.suggestions if one.rule == rule and isinstance(one.action, Draft)]


def holds(decision: Decision, rule: str = "check_in") -> list[Hold]:
    return [one.action for one in decision.suggestions if one.rule == rule and isinstance(one.action, Hold)]


def refusal(decision: Decision, rule: str) -> str:
    """The first sentence by which a rule refused; "" where it did not."""
    return next((one.sentence for one in decision.refusals if one.rule == rule), "")


def fortnightly(person: Person, silent: float = 80, count: int = 10, also: Iterable[Mail] = (), **more: Any) -> Relation:
    """Mail both ways every fortnight, and then nothing for so many days, but for what is said."""
    return tie(person, mails=(*exchange(person, *(days_ago(silent + 14 * n) for n in range(count))), *also), **more)
