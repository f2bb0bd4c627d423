"""When to look at an account again by itself: soon while something comes, ever later while nothing does, sooner in working hours."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import SystemRandom
from typing import Final
from zoneinfo import ZoneInfo

from rules.network import Owner
from rules.workdays import is_workday
from worker.store.accounts import StoredAccount

GROWTH: Final = 1.3
"""Each look that finds nothing lets the next one wait so much longer: about a quarter of how long nothing has come."""
OFF_HOURS: Final = 2
"""Outside working hours the longest wait is so many times as long."""
JITTER: Final = 0.1
"""Looks are spread by up to this share, so that a thousand accounts do not look all at once."""


def next_look(
    account: StoredAccount, owner: Owner, now: datetime, *, is_new: bool, poll: timedelta, patience: timedelta | None
) -> datetime:
    """Say when to look again after a look that went well; `account` is as it was before it.

    `patience`: the longest wait in working hours; None = looks cost nothing that is shared, and each waits for `poll`.
    """
    if patience is None:
        return now + poll
    is_at_work = _is_at_work(owner, now) or _is_at_work(owner, now + patience)  # the day may begin while it waits
    longest = max(poll, patience if is_at_work else OFF_HOURS * patience)
    wait = min(poll if is_new else _wait_before(account, now, poll), longest)
    return now + (wait * SystemRandom().uniform(1 - JITTER, 1) if wait > poll else wait)


def _wait_before(account: StoredAccount, now: datetime, poll: timedelta) -> timedelta:
    """Return what was waited for this look, and more where it came of itself and not because somebody asked."""
    if account.last_ok_at is None or account.error:
        return poll
    before = max(account.next_attempt_at - account.last_ok_at, poll)
    return before * GROWTH if account.next_attempt_at <= now else before


def _is_at_work(owner: Owner, now: datetime) -> bool:
    local = now.astimezone(ZoneInfo(owner.zone))
    return is_workday(owner, local.date()) and owner.hours[0] <= local.time() < owner.hours[1]
