"""What attention and backtest find: how the owner's time is spread, and what the rules would have done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from rules.attention import YEAR, attention
from rules.backtest import Replayed, Tally, backtest
from rules.network import Meeting, Owner, Person
from worker import sweep
from worker.advice import Refusal
from worker.config import owner_of, rulebook_for
from worker.exit_codes import USAGE
from worker.json_choices import AttentionView, BacktestView, ReplayedView, ShareView, TallyView
from worker.store import histories
from worker.store.accounts import owner_keys
from worker.store.meetings import Diary
from worker.store.uncollected import uncollected
from worker.verbs.opened import Here
from worker.views import named


def attended(here: Here) -> AttentionView:
    """Say how a year of the owner's attention is spread over people."""
    owner = owner_of(here.app.config, here.name)

    def look(connection: Connection) -> AttentionView:
        seen = sweep.everybody(connection, owner, here.now)
        found = attention(seen, _held(connection, owner, here.now), here.now)
        return AttentionView(
            sentence=found.sentence,
            hours=round(found.hours, 1),
            top=tuple(ShareView(name=name, share=round(share, 3)) for name, share in found.top),
            top_share=round(found.top_share, 3),
            gini=round(found.gini, 3),
            last_outside=found.last_outside_at,
        )

    return here.read(look)


def _held(connection: Connection, owner: Owner, now: datetime) -> list[Meeting]:
    """List the held meetings of two years: one that ended long ago is looked at from its end."""
    diary = Diary(connection=connection, owner=owner.name, known_as=owner_keys(connection, owner.name), now=now)
    found = (entry.found for entry in diary.between(now - 2 * YEAR, now).values())
    return [each for each in found if isinstance(each, Meeting) and each.end <= now]


def replayed(here: Here, since: datetime, until: datetime) -> BacktestView:
    """Replay the days between two instants with today's rulebook. Raises Refusal where they are in the wrong order."""
    if not since < until <= here.now:
        raise Refusal(
            "There is no history between these days.", "Say --from an earlier day and --to a later one, not ahead.", code=USAGE
        )
    owner = owner_of(here.app.config, here.name)
    rulebook = rulebook_for(here.app.config, here.name, here.app.rulebook)
    with uncollected():
        past = here.read(lambda connection: histories.past(connection, owner, here.now, since=since, until=until))
        found = backtest(past.histories, past.network, rulebook, here.app.wording, since=since, until=until)
    people = {each.person.id: each.person for each in past.histories}
    suggestions = tuple(_suggestion(one, people) for one in found.replayed)
    return BacktestView(since=since, until=until, rules=tuple(map(_tally, found.tallies)), suggestions=suggestions)


def _suggestion(one: Replayed, people: Mapping[str, Person]) -> ReplayedView:
    made = one.suggestion
    return ReplayedView(
        at=one.at,
        rule=made.rule,
        person=named(people.get(made.person_id), made.address),
        why=made.why,
        has_talked_anyway=one.has_talked_anyway,
        has_gone_silent=one.has_gone_silent,
    )


def _tally(each: Tally) -> TallyView:
    return TallyView(
        rule=each.rule,
        made=each.made,
        talked_anyway=each.talked_anyway,
        gone_silent=each.gone_silent,
        still_open=each.still_open,
        per_week=round(each.per_week, 2),
    )
