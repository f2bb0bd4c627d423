"""One trial from bytes to a decision: the calendars, who the owner is, the mail, the network, what would be done today."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import nameparser  # noqa: F401 - rules.names asks for it at the end, when nothing is being read any more

from connectors.glance import at_once
from connectors.port import Skipped
from rules.attention import attention
from rules.engine import Decision, suggest
from rules.facts import CalendarEvent, MessageMetadata
from rules.network import Relation
from rules.rhythm import lapse_probability, rhythm
from rules.rulebook import Rulebook
from rules.standing import standing
from rules.wording import Wording
from rules.worth import value
from worker import trial_calendar
from worker.rulebooks import shipped, wording
from worker.trial import Progress, SkipCount, Stage, Tally, TrialPerson, TrialReport
from worker.trial_mail import Letters
from worker.trial_network import Composed, compose
from worker.trial_owner import Evidence, Guess, given
from worker.trial_reading import Found, Material

HORIZON: Final = timedelta(days=90)
STEPS: Final = 200
"""Reports of progress, about."""
EARLY: Final = 6
"""Names shown while there is still something to read."""
HEARD: Final = 100
"""Events after which they are first named, and again after four times as many."""


class _Counts:
    """A Tally being counted."""

    def __init__(self) -> None:
        self.stored = self.duplicates = 0
        self._reasons: dict[str, tuple[int, str, bool]] = {}
        self._in_part = Counter[str]()

    def skip(self, skipped: Skipped) -> None:
        count, example, _ = self._reasons.get(skipped.reason, (0, skipped.remote_id, False))
        self._reasons[skipped.reason] = count + 1, example, skipped.is_in_part
        if skipped.is_in_part:
            self._in_part[skipped.remote_id] += 1

    def has_told(self, event: CalendarEvent) -> bool:
        """Tell whether an event has been counted already, as one that was read in part; each time once."""
        is_told = event.original_start is None and self._in_part[event.remote_id] > 0
        self._in_part[event.remote_id] -= is_told
        return is_told

    def keep(self, *, is_new: bool) -> None:
        self.stored += is_new
        self.duplicates += not is_new

    def tally(self) -> Tally:
        reasons = sorted(self._reasons.items(), key=lambda item: (-item[1][0], item[0]))
        skipped = tuple(
            SkipCount(reason=reason, count=count, example=example, is_in_part=is_in_part)
            for reason, (count, example, is_in_part) in reasons
        )
        read = self.stored + self.duplicates + sum(skip.count for skip in skipped)
        return Tally(read=read, stored=self.stored, duplicates=self.duplicates, skipped=skipped)


class Trial:
    """One run: the calendars, who the owner is, the mail, the network, the decision."""

    def __init__(self, material: Material, *, now: datetime, zone: str, tell: Callable[[Progress], None]) -> None:
        self._now = now
        self._zone = zone
        self._tell = tell
        self._mail = material
        self._series: trial_calendar.Series = {}
        self._done = 0
        self._total = self._mail.size() + self._mail.calendar_size()

    def report(self, me: Sequence[str], rulebook: Rulebook | None) -> TrialReport:
        """Go all the way."""
        events = self._read_calendars(me)
        book, words = rulebook or shipped(), wording()
        guess, evidence = (given(me), None) if me else self._who()
        letters, messages = self._read_mail(guess, evidence)
        if evidence is not None:
            first, guess = guess, evidence.guess()
            if first.keys != guess.keys:  # an alias that only later Sent mail showed
                letters, messages = self._read_mail(guess, None)
        names = letters.names(EARLY)
        self._say("people", names)
        sides = letters.sides()
        composed = compose(letters, self._series, guess, zone=self._zone, now=self._now)
        self._say("decide", names)
        return self._told(composed, guess, sides, messages, events, book, words)

    def owner(self) -> Guess:
        """Go as far as it takes to know whose mail it is."""
        self._read_calendars(())
        guess, evidence = self._who()
        self._read_mail(guess, evidence)
        return evidence.guess()

    def _read_calendars(self, me: Sequence[str]) -> Tally:
        """Read every event; whom the owner meets is said soon, where it is known who the owner is."""
        counts, next_at = _Counts(), HEARD
        known = given(me or self._mail.addresses()).keys
        for found in self._mail.events():
            if isinstance(found, Skipped):
                counts.skip(found)
                continue
            is_new = trial_calendar.store(self._series, found)
            if not counts.has_told(found):
                counts.keep(is_new=is_new)
            if counts.stored == next_at:
                next_at *= 4
                self._say("calendar", trial_calendar.names(self._series, known, EARLY, self._now))
        self._done = self._mail.calendar_size()
        self._say("calendar", trial_calendar.names(self._series, known, EARLY, self._now))
        return counts.tally()

    def _who(self) -> tuple[Guess, Evidence]:
        """Look at the first messages of each source; where no Sent mail settles it, at all of them."""
        evidence = Evidence()
        self._add_all(evidence, self._mail.sample())
        if not evidence.is_settled() and (said := self._mail.addresses()):
            return given(said), evidence
        if not evidence.is_settled():
            evidence = Evidence()
            self._total += self._mail.size()
            self._add_all(evidence, self._stepping("owner", self._mail.messages(), None))
            self._done += self._mail.disk.done
            self._mail.disk.done = 0
        return evidence.guess(), evidence

    def _add_all(self, evidence: Evidence, messages: Iterator[Found]) -> None:
        for message in messages:
            if not isinstance(message, Skipped):
                evidence.add(at_once(message) if isinstance(message, MessageMetadata) else message)
        for event in self._events():
            evidence.add_event(event)

    def _events(self) -> Iterator[CalendarEvent]:
        return (event for copies in self._series.values() for event in copies.values())

    def _read_mail(self, guess: Guess, evidence: Evidence | None) -> tuple[Letters, Tally]:
        letters, counts = Letters(guess.keys, self._now), _Counts()
        self._mail.disk.done = 0
        if evidence is not None:
            evidence.forget_sent()  # all of it follows
        for found in self._stepping("mail", self._mail.messages(), letters):
            if isinstance(found, Skipped):
                counts.skip(found)
                continue
            message = at_once(found) if isinstance(found, MessageMetadata) else found
            is_new = letters.add(message)
            counts.keep(is_new=is_new)
            if evidence is not None and message.envelope.facts.is_sent and is_new:
                evidence.add_sent(message.envelope.facts)
        return letters, counts.tally()

    def _stepping(self, stage: Stage, messages: Iterator[Found], letters: Letters | None) -> Iterator[Found]:
        """Pass the messages on, and say now and then how far it is."""
        step = max(self._mail.step, self._total // STEPS)
        next_at = names_at = step // 4
        names: tuple[str, ...] = ()
        disk = self._mail.disk
        for message in messages:
            if disk.done >= next_at:
                next_at = disk.done + step
                if letters and disk.done >= names_at:  # to look at everybody each time would take a tenth of the whole
                    names, names_at = letters.names(EARLY), 2 * disk.done
                self._say(stage, names)
            yield message

    def _say(self, stage: Stage, names: tuple[str, ...]) -> None:
        total = self._total or self._mail.size()
        done = min(self._done + self._mail.disk.done, total)
        self._tell(Progress(stage=stage, done=done, total=total, names=names))

    def _told(
        self,
        composed: Composed,
        guess: Guess,
        sides: tuple[int, int],
        messages: Tally,
        events: Tally,
        rulebook: Rulebook,
        words: Wording,
    ) -> TrialReport:
        network, now = composed.network, self._now
        people = {one.person.id: _person(one, now) for one in network.relations}
        chances = {name: person.p_lapsed_90 or 0.0 for name, person in people.items() if person.state == "quiet"}
        worths = {name: value(one) * chances[name] for one in network.relations if (name := one.person.id) in chances}
        decision = suggest(network, rulebook, now, words) if guess.addresses else Decision(suggestions=(), refusals=(), traces=())
        return TrialReport(
            owner_addresses=tuple(address.email for address in guess.addresses),
            owner_confidence=guess.confidence,
            owner_reason=guess.reason,
            messages=messages,
            events=events,
            sent=sides[0],
            received=sides[1],
            people=tuple(people.values()),
            others=composed.others,
            quiet=tuple(people[name] for name in sorted(worths, key=lambda name: (-worths[name], name))),
            attention=attention(network, composed.engagements.held, now),
            network=network,
            decision=decision,
        )


def _person(relation: Relation, now: datetime) -> TrialPerson:
    contacts = relation.contacts
    return TrialPerson(
        person=relation.person,
        interactions=relation.interactions,
        last_at=relation.last_at,
        next_meeting_at=relation.next_meeting.start if relation.next_meeting else None,
        rhythm=rhythm(contacts),
        p_lapsed_90=lapse_probability(contacts, now=now, horizon=HORIZON) if contacts else None,
        state=standing(relation, now),
    )
