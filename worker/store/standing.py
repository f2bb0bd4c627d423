"""Standing: whether what was decided about a suggestion still stands, for whom it is today, and what was there before it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import BigInteger, Connection, String, bindparam, exists, func, literal, select

from connectors.port import Witness
from rules.suggestions import Draft
from worker.store.entry import Entry, recipients
from worker.store.judging import BEHIND
from worker.store.mapping import micros
from worker.store.tables import address, meta, suggestion
from worker.store.tables import owner as owners

FRESH: Final = timedelta(seconds=5)
"""A decision made so recently is as good as another one: only what was read since could change it."""
_NEVER: Final = (1 << 63) - 1

# Statements are built once: they are run for every draft, and building one takes longer than running it.
_UNCHANGED: Final = select(owners.c.id).where(
    owners.c.id == bindparam("whose"),
    owners.c.decided_at == bindparam("made"),
    func.coalesce(owners.c.next_review_at, _NEVER) > bindparam("by_now", type_=BigInteger),
    ~exists().where(meta.c.name == literal(BEHIND) + bindparam("whose", type_=String)),
)
_HELD: Final = select(address.c.key, address.c.person).where(
    address.c.owner == bindparam("whose"), address.c.key.in_(bindparam("keys", expanding=True))
)


def is_fresh(db: Connection, entry: Entry, now: datetime) -> bool:
    """Tell whether a draft was planned just now, by the owner's latest decision, and nothing new is to be looked at since.

    What a first read, or a second one of the same feed, has put off to judge later may be the owner's own answer: it counts as new.
    """
    if not isinstance(entry.action, Draft) or not timedelta(0) <= now - entry.created_at < FRESH:
        return False
    known = {"whose": entry.owner, "made": micros(entry.created_at), "by_now": micros(now)}
    return db.execute(_UNCHANGED, known).first() is not None


def people_of(db: Connection, entry: Entry) -> list[str]:
    """Return who the suggestion is for today, first the one it was planned for: a merge or a split may have changed it."""
    keys = [entry.address, *sorted(recipients(entry.action) - {entry.address})]
    held = db.execute(_HELD, {"whose": entry.owner, "keys": keys})
    now_of: dict[str, str] = {row.key: row.person for row in held if row.person is not None}
    return list(dict.fromkeys([now_of.get(entry.address, entry.person), *(now_of[key] for key in keys if key in now_of)]))


def earlier_witness(db: Connection, entry: Entry) -> Witness | None:
    """Return where drafts, or holds, of the account stood at the latest other attempt; None where there was none."""
    is_draft = suggestion.c.action == "draft" if isinstance(entry.action, Draft) else suggestion.c.action != "draft"
    same = select(suggestion.c.witness).where(suggestion.c.account == entry.account, is_draft, suggestion.c.key != entry.key)
    known = same.where(suggestion.c.witness.is_not(None), suggestion.c.remote_id.is_not(None))
    found = db.execute(known.order_by(suggestion.c.delivered_at.desc()).limit(1)).scalar()
    return None if found is None else Witness(found)
