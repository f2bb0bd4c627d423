"""What month, want and promise do: whom to look after, whom to get to know, and what was promised to whom."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Final

from sqlalchemy import Connection

from rules import month as months
from rules.addresses import match_key
from rules.facts import Address
from rules.first_contact import Reason, Wish, first_contact
from rules.fresh import place_of
from rules.month import Month
from rules.names import first_name
from rules.network import Network
from rules.sharing import shared_month
from rules.suggestions import Suggestion
from rules.workdays import span_of
from worker import sweep
from worker.advice import Refusal
from worker.config import owner_of, terms_for
from worker.config_languages import missing, written_in
from worker.decide import place_for, places_of
from worker.exit_codes import FAILED, USAGE
from worker.json_choices import ChoiceView, MonthView, OutcomeView, PromiseView, WantedView
from worker.json_views import NamedView
from worker.queries import person_called
from worker.store import accounts, audit, notes, outbox, people, promises, surroundings
from worker.store import months as stored
from worker.store.introducing import holders
from worker.verbs.opened import Here
from worker.verbs.wanted import wanted
from worker.views import named

OWN_WORDS: Final = "Put another variant of the template share_month into a folder of templates of your own."
OTHER_WORDS: Final = "Say --about something else, or write to them yourself."


def month(here: Here) -> tuple[Month, Network, MonthView]:
    """Return the people of this month, chosen now where they were not yet, and how they and the month before stand."""
    owner, terms = owner_of(here.app.config, here.name), terms_for(here.app.config, here.name)
    seen = here.read(lambda connection: sweep.everybody(connection, owner, here.now))
    chosen = here.read(lambda connection: sweep.month_of(connection, seen, terms, here.now))
    here.write(lambda connection: stored.keep(connection, here.name, chosen, here.now))
    earlier = [each for each in here.read(lambda connection: stored.kept(connection, here.name)) if each.name < chosen.name]
    begun = datetime.combine(today(here).replace(day=1), time(), here.zone)
    strangers = here.read(lambda connection: wanted(connection, here.name, seen, begun))
    return chosen, seen, _shown(chosen, seen, earlier, strangers)


def _shown(chosen: Month, seen: Network, earlier: Sequence[Month], strangers: tuple[WantedView, ...]) -> MonthView:
    known = {one.person.id: one.person for one in seen.relations}
    stands = months.outcome(chosen, seen)
    people_ = tuple(
        ChoiceView(
            person=named(known.get(one.person_id), one.person_id),
            circle=one.circle,
            why=one.why,
            is_carried=one.is_carried,
            is_done=one.person_id in stands.done,
            has_answered=one.person_id in stands.answered,
        )
        for one in chosen.people
    )
    last = _outcome(earlier, seen)
    return MonthView(month=chosen.name, people=people_, trades=chosen.trades, wanted=strangers, earlier=last)


def _outcome(earlier: Sequence[Month], seen: Network) -> OutcomeView | None:
    if not earlier:
        return None
    last = earlier[-1]
    found = months.outcome(last, seen)
    return OutcomeView(
        month=last.name, chosen=len(last.people), done=len(found.done), answered=len(found.answered), sentence=found.sentence
    )


def share(here: Here, chosen: Month, seen: Network, to: str, *, has_names: bool) -> str:
    """Leave a draft that tells an address about the month. Raises Refusal."""
    if not chosen.people:
        raise Refusal("Nobody is chosen for this month, so there is nothing to tell.")
    address = Address(email=_checked(here, to), name="")
    made = shared_month(chosen, seen, address, here.now, here.app.wording, has_names=has_names)
    if made is None:
        raise Refusal(f"{place_of(to)} has had these words already, and the same text twice would be noticed.", OWN_WORDS)
    _leave(here, made, to, f"A draft to {to} about {chosen.name} is there already.")
    return f"A draft to {to} lies in your mailbox{'' if has_names else '; it names nobody'}. Nothing is sent."


def want(here: Here, name: str, email: str, reason: Reason, about: str, language: str) -> str:
    """Leave a first-contact draft to someone the owner does not know yet. Raises Refusal."""
    address = _checked(here, email)
    if wrong := missing(language, written_in(here.app.config.rules.templates)):
        raise Refusal(wrong, code=USAGE)
    known = here.read(lambda connection: people.find(connection, here.name, address))
    if known:
        raise Refusal(f"You know {known[0].name or address} already.", f"`rekindle why {address}` says how you stand.")
    owner = owner_of(here.app.config, here.name)
    wish = Wish(
        address=Address(email=address, name=name),
        first_name=first_name(name),
        reason=reason,
        about=about,
        language=language or owner.wishes.language([match_key(address)], ""),
    )
    pasts = here.read(lambda connection: surroundings.ledger(connection, here.name, here.now))
    made = first_contact(wish, owner, here.now, here.app.wording, pasts)
    if made is None:
        raise Refusal(f"{place_of(email)} has had these words already, and the same text twice would be noticed.", OTHER_WORDS)
    _leave(here, made, name, f"There was a draft to {address} already: nobody gets two.")
    return f"A draft to {name} lies in your mailbox. It asks for fifteen minutes. Nothing is sent."


def _checked(here: Here, email: str) -> str:
    key = match_key(email)
    if not key:
        raise Refusal(f"{email!r} is no mail address.", "Write it like ana@firm.example.", code=USAGE)
    if key in {match_key(each) for each in here.settings.addresses}:
        raise Refusal(f"{email} is your own address.", code=USAGE)
    never = here.settings.never
    if key in map(match_key, never.people) or key.endswith(tuple(f"{mark}{each}" for each in never.domains for mark in "@.")):
        raise Refusal(f"{email} is on your never-list.", "`rekindle never` shows it.")
    return email.strip()


def _leave(here: Here, made: Suggestion, to: str, is_there: str) -> None:
    """Plan a draft the owner asked for and put it in place at once.

    Raises Refusal where it was there before, has no place, or could not be put there just now.
    """

    def plan(connection: Connection) -> tuple[str, bool]:
        place = place_for(connection, made, None, places_of(connection, here.name))
        return place or "", place is not None and outbox.plan(connection, here.name, place, made, (made.address,), here.now)

    here.app.enrol()
    account, is_new = here.write(plan)
    if not account:
        raise Refusal("No account can take a draft.", "`rekindle connect` adds one with mail.")
    if not is_new:
        raise Refusal(is_there, "`rekindle suggestions --all` shows what became of it.")
    here.working.deliver(account)
    entry = here.read(lambda connection: outbox.read(connection, made.key))
    if entry is None or entry.state != "delivered":
        stored = here.read(lambda connection: accounts.get(connection, account))
        why = next(
            filter(None, (entry.note if entry else "", entry.error if entry else "", stored.error)), "it is in use elsewhere"
        )
        is_over = entry is None or entry.state == "closed"
        what = "could not be made" if is_over else "is not in your mailbox yet"
        raise Refusal(f"The draft to {to} {what}: {why}", "" if is_over else "It is made as soon as that is over.", code=FAILED)


def promise(here: Here, who: str, text: str, by: date) -> str:
    """Note what the owner promised somebody. Raises Refusal."""
    person = here.read(lambda connection: person_called(connection, here.name, who))
    owner = owner_of(here.app.config, here.name)
    due_at = span_of(owner, by, owner.hours)[1]

    def change(connection: Connection) -> None:
        key = match_key(person.addresses[0])
        notes.add(connection, here.name, "promise", address=key, person=person.id, at=here.now, text=text, due_at=due_at)
        people.touch(connection, here.name, [person.id], here.now)
        audit.record(connection, here.now, here.name, "log")

    here.write(change)
    return f"Noted: {text} for {person.name or person.addresses[0]}, by {by:%a} {by.day} {by:%b %Y}."


def promised(connection: Connection, owner: str) -> tuple[PromiseView, ...]:
    """Return the open promises, the one due first first."""
    found = promises.numbered(connection, owner)
    held_by = holders(connection, owner, {each.address for each in found.values() if each.address})
    known = {each.id: each for each in people.people(connection, owner)}
    views: list[PromiseView] = []
    for number, each in found.items():
        person = known.get(held_by.get(each.address, each.person))
        view = NamedView(name=person.name or None, addresses=person.addresses) if person else None
        views.append(PromiseView(id=number, person=view, text=each.text, made_at=each.at, due_at=each.due_at))
    return tuple(views)


def done(here: Here, number: int) -> str:
    """Note that a promise is kept. Raises Refusal."""

    def change(connection: Connection) -> str | None:
        known = promises.numbered(connection, here.name)
        if number not in known or not notes.close(connection, here.name, [known[number].id], here.now):
            return None
        people.touch(connection, here.name, holders(connection, here.name, [known[number].address]).values(), here.now)
        return known[number].text

    text = here.write(change)
    if text is None:
        raise Refusal(f"There is no open promise {number}.", "`rekindle promise` lists them.")
    return f"Noted: {text} is kept." if text else "Noted: it is kept."


def today(here: Here) -> date:
    """Return the owner's day."""
    return here.now.astimezone(here.zone).date()
