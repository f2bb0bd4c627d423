"""What was read and is not kept, counted by its reason: what could not be read, and what is older than its owner keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, delete, select, update

from connectors.port import Changes, Skipped
from rules.facts import CalendarEvent, MessageMetadata
from worker.store.letter_rows import Written
from worker.store.mail_page import MailPage
from worker.store.mapping import micros, plain, start_of
from worker.store.statements import insert_ignoring
from worker.store.tables import skip

Kind = Literal["mail", "calendar"]
SENT_AT: Final = Written._fields.index("sent_at")
TOO_OLD: Final = "older than is kept (`retention`)"


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipCount:
    """How often something is not kept, for one reason, with one remote id as an example."""

    account: str
    kind: Kind
    feed: str
    reason: str
    count: int
    example: str


def skips(connection: Connection, account: str) -> list[SkipCount]:
    """List what is not kept of an account, by feed and reason."""
    wanted = select(skip).where(skip.c.account == account).order_by(skip.c.kind, skip.c.feed, skip.c.reason)
    return [SkipCount(**row) for row in connection.execute(wanted).mappings()]


def count(connection: Connection, account: str, kind: Kind, feed: str, skipped: Iterable[Skipped]) -> None:
    """Add what a page of a feed left out."""
    found = list(skipped)
    examples = {each.reason: each.remote_id for each in reversed(found)}
    for reason, times in Counter(each.reason for each in found).items():
        row = {"account": account, "kind": kind, "feed": feed, "reason": plain(reason)}
        connection.execute(insert_ignoring(connection, skip), [row | {"example": plain(examples[reason])}])
        connection.execute(update(skip).where(*_are(row)).values(count=skip.c.count + times))


def forget(connection: Connection, account: str, kind: Kind, feed: str) -> None:
    """Begin to count anew: the feed is read from its beginning, or is gone."""
    connection.execute(delete(skip).where(*_are({"account": account, "kind": kind, "feed": feed})))


def is_cut(connection: Connection, account: str, kind: Kind, feed: str) -> bool:
    """Tell whether something of a feed is older than is kept."""
    row = {"account": account, "kind": kind, "feed": feed, "reason": TOO_OLD}
    return connection.execute(select(skip.c.count).where(*_are(row))).first() is not None


def young(changes: Changes[Any], since: datetime) -> Changes[Any]:
    """Leave out of a page the messages sent and the single events ended before an instant.

    What is told of a series stays: an old exception says what the series did not do. What is left out is gone, too, from where
    it stood: an event may have been moved that far back.
    """
    found, before = changes.upserted, micros(since)
    if isinstance(found, MailPage):
        old = [remote_id for remote_id, row in found.rows.items() if row[SENT_AT] < before]
    else:
        old = [each.remote_id for each in found if _is_over(each, before)]
    if not old:
        return changes
    kept = found.without(old) if isinstance(found, MailPage) else tuple(each for each in found if not _is_over(each, before))
    skipped = tuple(Skipped(remote_id=each, reason=TOO_OLD) for each in old)
    return replace(changes, upserted=kept, removed=(*changes.removed, *old), skipped=(*changes.skipped, *skipped))


def _is_over(fact: CalendarEvent | MessageMetadata, before: int) -> bool:
    if isinstance(fact, MessageMetadata):
        return micros(fact.sent_at) < before
    return not fact.recurrence and fact.original_start is None and start_of(fact.end) < before


def _are(row: Mapping[str, str]) -> list[ColumnElement[bool]]:
    return [skip.c[name] == value for name, value in row.items()]
