"""Absences: when nobody could expect two people to be in touch, for leave, holidays or an out-of-office answer of either side."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from typing import Final

from rules.network import Owner
from rules.workdays import ONE_DAY, span_of

Span = tuple[datetime, datetime]
LOOKED_BACK: Final = timedelta(days=730)
"""No longer silence is a lapse; an older absence changes nothing."""
ANSWERED_FOR: Final = timedelta(days=14)
"""An out-of-office answer does not say in its header when its writer is back: so long it speaks for."""
WHOLE_DAY: Final = (time(0), time(0))


def own_absences(owner: Owner, leave: Iterable[Span], now: datetime) -> tuple[Span, ...]:
    """List the owner's leave and public holidays of the last two years, ascending."""
    since = now - LOOKED_BACK
    holidays = (span_of(owner, day, WHOLE_DAY) for day in owner.holidays if since.date() <= day < now.date() + ONE_DAY)
    return tuple(sorted(span for span in (*leave, *holidays) if since < span[1] and span[0] < now))


def their_absences(answered: Iterable[datetime], heard: Sequence[datetime]) -> tuple[Span, ...]:
    """List when the other side was away by their out-of-office answers: two weeks from each, or until they were heard again.

    `heard`: when they were in touch themselves, ascending.
    """
    spans: list[Span] = []
    for at in sorted(answered):
        following = bisect_right(heard, at)
        end = min(at + ANSWERED_FOR, heard[following] if following < len(heard) else at + ANSWERED_FOR)
        spans.append((at, end))
    return tuple(spans)
