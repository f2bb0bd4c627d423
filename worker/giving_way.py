"""Giving way: of two installations that put drafts into one mailbox, the one connected earlier stops and says why.

Holds are seen by every pull, with the mark of who made them; drafts no pull reads, so they are asked about before one is added.
"""

from __future__ import annotations

from datetime import datetime

from connectors.optional import Marked
from connectors.port import Mailbox, Rejected, Unavailable
from worker.store import accounts, installations
from worker.store.store import Store


def to_later(store: Store, account: str, mailbox: Mailbox | None, now: datetime) -> bool:
    """Pause the account where an installation that was connected later works in its mailbox. Raises the port's errors."""
    marked: object = mailbox
    try:
        marks = marked.marks(now - installations.LIVELY) if isinstance(marked, Marked) else ()
    except Rejected as error:  # of one folder: who puts a draft there is told, and the account is none the worse
        if not error.is_sure:
            raise Unavailable(str(error), remedy=error.remedy) from error
        marks = ()
    if not marks:
        return False
    with store.write() as db:
        other = installations.newer_than_ours(db, account, now, marks)
        if other:
            accounts.pause(db, account, other, installations.REMEDY)
    return bool(other)
