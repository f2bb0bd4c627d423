"""Two installations on one account: each marks its holds and drafts, and the one connected earlier gives way to the other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, bindparam, select

from worker.store.mapping import event_of, instant, micros
from worker.store.tables import account, event, meta

LIVELY: Final = timedelta(days=14)
"""A mark on a hold that ended, or a draft that was made, longer ago is a trace of the past."""
REMEDY: Final = (
    "Stop one of the two: `rekindle disconnect` here or there. If the other is gone for good, delete its holds and "
    "drafts, then connect this account again."
)
# Statements are built once: they are run for every mail, and building one takes longer than running it.
_CONNECTED_AT: Final = select(account.c.connected_at).where(account.c.id == bindparam("of"))
_OURS: Final = select(meta.c.value).where(meta.c.name == "installation")
_MARKED: Final = select(event.c.facts).where(
    event.c.account == bindparam("of"), event.c.rekindle_key != "", event.c.end_at > bindparam("since")
)


def marker(db: Connection, account_id: str) -> str:
    """Name this installation on an account: when it was connected, then its id; "" where it is not connected yet."""
    connected_at = db.execute(_CONNECTED_AT, {"of": account_id}).scalar()
    if connected_at is None:
        return ""
    own = db.execute(_OURS).scalar_one()
    return f"{instant(connected_at):%Y%m%dT%H%M%SZ}.{own}"


def newer_than_ours(db: Connection, account_id: str, now: datetime, drafts: Sequence[str] = ()) -> str:
    """Say which installation that was connected later works in the account too; "" where none does.

    Holds are read with the calendar; `drafts` are the marks a mailbox has told of, whose ids may be cut short.
    """
    recent = db.execute(_MARKED, {"of": account_id, "since": micros(now - LIVELY)}).scalars()
    marks = [*(event_of(facts).rekindle_by for facts in recent), *drafts]
    if not marks:
        return ""
    ours = marker(db, account_id)
    own = ours.rpartition(".")[2]
    newest = max((mark for mark in marks if not own.startswith(mark.rpartition(".")[2])), default="")
    if not ours or newest <= ours:
        return ""
    day = f"{newest[:4]}-{newest[4:6]}-{newest[6:8]}"
    return f"Another Rekindle, connected on {day}, works in this account too: this one has stopped here."
