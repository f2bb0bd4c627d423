"""From what `try` found to what its --json prints."""

from __future__ import annotations

from worker.json_views import CountView, MessagesView, PersonView, TrialView
from worker.trial import Tally, TrialPerson, TrialReport
from worker.views import chance, days, planned


def trial(report: TrialReport) -> TrialView:
    """Show what `try` found."""
    people = {person.person.id: person.person for person in report.people}
    return TrialView(
        owner_addresses=report.owner_addresses,
        messages=tally(report.messages),
        events=tally(report.events),
        people=tuple(trial_person(person) for person in report.people),
        suggestions=tuple(planned(suggestion, people) for suggestion in report.decision.suggestions),
    )


def trial_person(tried: TrialPerson) -> PersonView:
    """Show one person as `try` found them."""
    return PersonView(
        name=tried.person.name or None,
        addresses=tried.person.addresses,
        kind=tried.person.kind,
        reason=tried.person.reason or None,
        circle=tried.person.circle or None,
        interactions=tried.interactions,
        last_interaction=tried.last_at,
        next_meeting=tried.next_meeting_at,
        rhythm_days=days(tried.rhythm),
        p_lapsed_90=chance(tried.p_lapsed_90),
        state=tried.state,
    )


def tally(tally: Tally) -> MessagesView:
    """Show what became of everything read."""
    return MessagesView(
        read=tally.read,
        stored=tally.stored,
        duplicates=tally.duplicates,
        skipped=tuple(CountView(reason=skip.reason, count=skip.count) for skip in tally.skipped),
    )
