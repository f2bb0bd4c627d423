"""Who is silent, as `people quiet` shows it: the three lists of rules.worth over the whole network, each line with its reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from rules import gaps, worth
from rules.network import Owner, Relation
from rules.rhythm import A_DAY, interaction_days, lapse_probability, rhythm, silence
from worker import network_views
from worker.json_choices import QuietListsView, QuietView
from worker.views import days, named
from worker.words import counted, span


def lists(connection: Connection, owner: Owner, now: datetime, *, longest: int) -> QuietListsView:
    """Return the lists, at most `longest` people on each.

    Who stands on a list hangs on nobody else: the best of each slice of the network hold the best of all.
    """
    shift, best = 0.0, list[Relation]()
    for part, shift in network_views.everyone(connection, owner, now):
        found = worth.lists([*best, *part], now, shift=shift, longest=longest)
        best = [*found.about_to_lapse, *found.lapsed, *found.formerly_strong]
    found = worth.lists(best, now, shift=shift, longest=longest)

    return QuietListsView(
        about_to_lapse=tuple(_view(each, ", and likely to stay so", now, shift) for each in found.about_to_lapse),
        lapsed=tuple(_view(each, "", now, shift) for each in found.lapsed),
        formerly_strong=tuple(_view(each, ", after a strong tie", now, shift) for each in found.formerly_strong),
    )


def _view(relation: Relation, what: str, now: datetime, shift: float) -> QuietView:
    silent = silence(relation.contacts, now=now) or timedelta()
    return QuietView(
        person=named(relation.person, relation.person.id),
        reason=f"Silent for {span(silent)}{_usual(relation)}{what}: {_history(relation)}.",
        silent_days=round(silent / timedelta(days=1), 1),
        rhythm_days=days(rhythm(relation.contacts)),
        p_lapsed_90=round(lapse_probability(relation.contacts, now=now, horizon=worth.QUARTER, shift=shift), 3),
    )


def _usual(relation: Relation) -> str:
    """Say what the silence is measured by: the gap the owner wants, else that of the two; "" where neither is known."""
    if (wanted := relation.person.cadence) is not None:
        return f" where you want to be in touch {gaps.wanted(wanted)}"
    usual = rhythm(relation.contacts)
    return "" if usual is None else f" where {gaps.usually(usual)} is usual"


def _history(relation: Relation) -> str:
    """Say what there was between the two: "24 days in touch since March 2023, 12 one-to-ones held"."""
    touched = interaction_days(relation.contacts)
    since = f" since {datetime.fromtimestamp(touched[0] * A_DAY, UTC):%B %Y}" if touched else ""
    alone = f", {counted(relation.one_to_ones_held, 'one-to-one')} held" if relation.one_to_ones_held else ""
    return f"{counted(len(touched), 'day')} in touch{since}{alone}"
