"""What suggestions themselves remember: why each was made, also once the mail and meetings behind it are no longer kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from rules.engine import Explanation
from rules.suggestions import Evidence
from worker.store.entry import Entry


def alone(made: Sequence[Entry], now: datetime, keeps: timedelta, *, is_not: bool) -> Explanation:
    """Explain by what was made (oldest first) for somebody of whom nothing else is kept. `keeps` is the owner's retention."""
    entry = next((each for each in reversed(made) if each.state != "closed"), made[-1])
    who = entry.name or entry.address
    facts = (*entry.evidence, _became(entry), *_gone(entry, now, keeps))
    if entry.state == "closed":
        return Explanation(
            who=who, sentence=f"There is nothing for {who} now, and no contact with them is known any more.", facts=facts
        )
    why = _why(entry, now)
    sentence = f"There is something for {who}: {why}" if is_not else why
    return Explanation(who=who, sentence=sentence, facts=facts)


def beside(found: Explanation, made: Sequence[Entry], now: datetime, keeps: timedelta) -> Explanation:
    """Explain what is open for a person (oldest first) as it was explained when made, where the facts of today no longer do."""
    if not made or any(each.why == found.sentence for each in made):
        return found
    entry = made[-1]
    facts = (*entry.evidence, _became(entry), *_gone(entry, now, keeps), *found.facts)
    return replace(found, sentence=_why(entry, now), facts=tuple(dict.fromkeys(facts)))


def _why(entry: Entry, now: datetime) -> str:
    """Say why as it was said then; in another year a month alone would be taken for one of this year."""
    then = entry.created_at
    return entry.why if then.year == now.year else f"{entry.why.removesuffix('.')} (as of {then.day} {then:%B %Y})."


def _became(entry: Entry) -> Evidence:
    how = f"{entry.state}: {entry.close_reason}" if entry.state == "closed" and entry.close_reason else entry.state
    return Evidence(text=f"{type(entry.action).__name__.lower()} {how.replace('_', ' ')}", at=entry.at)


def _gone(entry: Entry, now: datetime, keeps: timedelta) -> Iterator[Evidence]:
    """Say that the retention has dropped what is behind it, where it has."""
    if any(fact.at is not None and fact.at < now - keeps for fact in entry.evidence):
        yield Evidence(text=f"mail and meetings more than {keeps.days} days old are no longer kept (`retention`)")
