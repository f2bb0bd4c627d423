"""Facts about the person and the tie, by name."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from rules.addresses import organisation
from rules.answers import left_unanswered
from rules.case import Case, guest_in, is_quiet, live_address, silence
from rules.circles import circle_of
from rules.named_facts import days, number, text, yes
from rules.rhythm import lapse_probability, rhythm, strength

QUARTER = timedelta(days=90)


def _times(case: Case, usual: timedelta | None) -> float:
    """Return the silence in multiples of a usual gap; 0 where there is no such gap."""
    quiet = silence(case.view, case.relation)
    return quiet / usual if quiet is not None and usual else 0.0


def _former_strength(case: Case) -> float:
    last = case.relation.last_at
    return 0.0 if last is None else strength(case.relation.contacts, last)


def _has_two_way(case: Case) -> bool:
    relation = case.relation
    return relation.meetings_held > 0 or (relation.last_in_at is not None and relation.last_out_at is not None)


def _busiest_gap(case: Case) -> float:
    """Return the longest gap between two contacts so far, in days: a silence within it is nothing new."""
    times = [contact.at for contact in case.relation.contacts]
    return max((days(later - earlier) for earlier, later in pairwise(times)), default=0.0)


def is_internal(case: Case) -> bool:
    """Tell whether the person works where the owner does."""
    guest = guest_in(case)
    return case.relation.person.is_internal or (guest is not None and guest.is_internal)


TIE_FACTS = (
    text(
        "person.kind",
        "human, machine, list, room, owner or unknown",
        "{name} is not a person I know ({value}).",
        lambda c: c.relation.person.kind,
    ),
    text(
        "person.circle",
        "the circle the person is in: the owner's word, else operational, personal or strategic",
        "{name} is in another circle ({value}).",
        lambda c: circle_of(c.relation),
    ),
    text(
        "person.organisation",
        "registrable domain of the person; empty for free mail",
        "{name} is at {value}.",
        lambda c: organisation(c.relation.person.addresses[0]) if c.relation.person.addresses else "",
    ),
    yes("person.is_internal", "works at the owner's organisation", "{name} works at your own organisation.", is_internal),
    yes(
        "person.is_key",
        "named by the owner as a key contact",
        "{name} is not one of your key people.",
        lambda c: c.relation.person.is_key,
    ),
    yes(
        "person.has_live_address",
        "has an address that is not known to be dead",
        "I know no address at which {name} can still be reached.",
        lambda c: live_address(c.relation) is not None,
    ),
    yes(
        "tie.is_covered",
        "everything since the last contact has been read",
        "I have not read back far enough yet to judge how things stand with {name}.",
        lambda c: c.relation.is_covered,
    ),
    yes(
        "tie.is_two_way",
        "both have written, or a meeting was held",
        "There was never an exchange in both directions with {name}.",
        _has_two_way,
    ),
    yes(
        "tie.has_next_meeting",
        "a meeting with the person is booked",
        "You already have a meeting with {name} coming up.",
        lambda c: c.relation.next_meeting is not None,
    ),
    yes(
        "tie.is_out_of_rhythm",
        "silent for clearly longer than the cadence or the own rhythm",
        "You and {name} are in touch about as often as usual.",
        lambda c: is_quiet(c.view, c.relation),
    ),
    yes(
        "tie.has_cadence",
        "the owner set how often they want to be in touch",
        "You have set no cadence for {name}.",
        lambda c: c.relation.person.cadence is not None,
    ),
    number(
        "tie.interactions",
        "contacts ever",
        "There were too few contacts with {name} to go by.",
        lambda c: float(c.relation.interactions),
    ),
    number("tie.meetings_held", "held meetings ever", "You and {name} have hardly met.", lambda c: float(c.relation.meetings_held)),
    number(
        "tie.one_to_ones_held",
        "held one-to-ones ever",
        "You and {name} have hardly met one-to-one.",
        lambda c: float(c.relation.one_to_ones_held),
    ),
    number(
        "tie.days_silent",
        "days since the last contact; leave, holidays and out-of-office of either side taken out",
        "The last contact with {name} is not the right time ago for this.",
        lambda c: days(silence(c.view, c.relation)),
    ),
    number(
        "tie.rhythm_days",
        "the usual gap in days; 0 where there is none yet",
        "You and {name} have no settled rhythm.",
        lambda c: days(rhythm(c.relation.contacts) or timedelta(0)),
    ),
    number(
        "tie.longest_gap_days",
        "longest gap between two contacts so far, in days",
        "Longer gaps with {name} are nothing new.",
        _busiest_gap,
    ),
    number(
        "tie.times_rhythm",
        "the silence in multiples of the own rhythm",
        "The gap with {name} is within the usual.",
        lambda c: _times(c, rhythm(c.relation.contacts)),
    ),
    number(
        "tie.times_cadence",
        "the silence in multiples of the cadence",
        "The gap with {name} is within what you set.",
        lambda c: _times(c, c.relation.person.cadence),
    ),
    number(
        "tie.lapse_chance",
        "chance of no two-way contact within 90 days, 0 to 1",
        "You and {name} are likely to be in touch anyway.",
        lambda c: lapse_probability(c.relation.contacts, now=c.view.now, horizon=QUARTER, shift=c.view.network.shift),
    ),
    number(
        "tie.strength",
        "strength of the tie now, 0 to 100",
        "The tie with {name} is not close enough for this.",
        lambda c: strength(c.relation.contacts, c.view.now),
    ),
    number(
        "tie.former_strength",
        "strength of the tie at the last contact, 0 to 100",
        "The tie with {name} was never close enough for this.",
        _former_strength,
    ),
    number(
        "tie.unanswered",
        "the owner's messages since the person was last heard",
        "Your last messages to {name} are still unanswered, so I leave it at that.",
        lambda c: float(left_unanswered(c.relation.contacts)),
    ),
    number("tie.gives", "what the owner gave", "You gave {value} so far.", lambda c: float(c.relation.gives)),
    number("tie.asks", "what the owner asked for", "You asked {value} times so far.", lambda c: float(c.relation.asks)),
    number(
        "tie.missed_one_to_ones",
        "one-to-ones in a row that were cancelled or declined",
        "You did not miss one-to-ones with {name} in a row.",
        lambda c: float(c.relation.missed_one_to_ones),
    ),
)
