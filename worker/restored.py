"""After a restore: what the backup did not know of may have been made, and removed by the owner, since it was written.

What was due by then is looked for and taken up again. Where it is not found it is made only when the provider can say that
nothing of ours has gone since an earlier attempt; where there was none to go by, it is not made. What is planned in the first
day after it goes by the latest earlier attempt too, and is made where there was none.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from connectors.port import BEGINNING, Calendar, Finds, Gone, Mailbox, Saved, Witness
from worker.feedback import Finish
from worker.store import standing
from worker.store.entry import Entry
from worker.store.store import Store

ONLY_FIND: Final = Witness("only find")
"""Stands for a claim that may adopt and may make nothing."""
LATELY: Final = timedelta(days=1)
UNMADE: Final = Finish(
    reason="expired", note="Not made again after a restore: it may have been made and removed since the backup was written"
)


def witness_for(store: Store, side: Mailbox | Calendar, entry: Entry, now: datetime) -> Witness | None:
    """Choose what a first attempt after a restore goes by; None = the provider's own word on where it stands now."""
    if store.ledger_epoch() == 0:
        return None
    at = store.restored_at(now)
    if at is None:
        return BEGINNING
    with store.read() as db:
        earlier = standing.earlier_witness(db, entry) if entry.created_at <= at + LATELY else None
    is_approved_since = entry.mode != "create" and entry.updated_at > at
    if earlier is None and entry.due_at <= at and not is_approved_since and isinstance(side, Finds):
        return ONLY_FIND
    return earlier or BEGINNING


def found(side: Mailbox | Calendar, entry: Entry) -> Saved | Gone:
    """Take up what lies there; Gone where nothing does."""
    if not isinstance(side, Finds):
        raise TypeError(f"{entry.account} cannot look for {entry.key}")
    return side.find(entry.action) or Gone()


def is_unsure(store: Store, claimed: Entry, now: datetime) -> bool:
    """Tell whether an object that is gone may have gone before the restore: nothing is to be learnt from that."""
    at = store.restored_at(now)
    return claimed.witness == ONLY_FIND or (at is not None and claimed.created_at <= at + LATELY)
