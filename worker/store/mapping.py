"""Facts to rows and back: nothing of a fact is lost on the way, and nothing that is not a fact gets in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from rules.facts import Address, Attendee, CalendarEvent, MessageMetadata, Occurrence
from worker.store import json_lines
from worker.store.message_facts import LISTS, TEXTS, FactsWriter

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND, MINUTE = timedelta(microseconds=1), timedelta(minutes=1)
FAR = 1 << 32
"""Seconds since 1970 that any platform turns into a date."""
Row = dict[str, Any]
"""One row as SQLAlchemy's executemany takes it: column -> value."""
encode, decode = json_lines.encode, json_lines.decode


def micros(at: datetime) -> int:
    """Return an aware instant as microseconds since 1970."""
    return (at - EPOCH) // MICROSECOND


def instant(at: int) -> datetime:
    """Return microseconds since 1970 as an instant in UTC."""
    seconds, rest = divmod(at, 1_000_000)
    if rest or not 0 <= seconds < FAR:
        return EPOCH + timedelta(microseconds=at)
    return datetime.fromtimestamp(seconds, UTC)  # twice as fast: a mail tells no fractions, and there are many


def maybe_instant(at: int | None) -> datetime | None:
    """Return `instant`, or None for a null."""
    return None if at is None else instant(at)


def iso(when: datetime | date) -> str:
    """Write an original start as it is stored: a date as a date, an instant in UTC."""
    return when.astimezone(UTC).isoformat() if isinstance(when, datetime) and when.tzinfo is not UTC else when.isoformat()


def from_iso(text: str) -> datetime | date:
    """Read what `iso` wrote."""
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)


def start_of(when: datetime | date) -> int:
    """Return a start or end for the index: an instant as it is, a date as its midnight in UTC."""
    return micros(when if isinstance(when, datetime) else datetime(when.year, when.month, when.day, tzinfo=UTC))


def plain(text: str) -> str:
    """Drop what no database stores as text: NUL, and halves of surrogate pairs."""
    if "\0" in text:
        text = text.replace("\0", "")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return text.encode("utf-8", "replace").decode()
    return text


def json_text(value: object) -> str:
    """Write JSON that any database stores."""
    return _storable(encode(value))


def _storable(text: str) -> str:
    """Drop from JSON what `plain` drops from a text."""
    if "\\" in text and "\\u0000" in text:  # few texts have any
        text = encode(_without_nul(decode(text)))
    return text if text.isascii() else plain(text)


def _without_nul(value: object) -> object:
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(each) for key, each in value.items()}
    return [_without_nul(each) for each in value] if isinstance(value, (list, tuple)) else value


# Messages.

ADDRESSED = ("t", "c", "b")
"""Where the facts of a row name whom a message was addressed to: pairs of address and name, the name left out if none."""


MESSAGE_FACTS = ("message_id", "sent_at", "sent_offset", "recipients", "subject", "in_reply_to", "thread", "labels", "facts")
"""The columns of a message that are facts, beside its remote id."""


def message_facts(message: MessageMetadata, writer: FactsWriter) -> tuple[str, int, int | None, int, str, str, str, str, str]:
    """Write a message as MESSAGE_FACTS, every text as it is; who it belongs to and what it shows is added by the caller."""
    offset = message.sent_offset
    root = message.references[0] if message.references else (message.in_reply_to or (message.message_id,))[0]
    return (
        message.message_id,
        micros(message.sent_at),
        None if offset is None else offset // MINUTE,
        message.recipients,
        message.subject,
        message.in_reply_to[0] if message.in_reply_to else "",
        message.thread_id or root,
        labels_text(message.labels),
        writer.text(message),
    )


def message_row(message: MessageMetadata) -> Row:
    """Write one message alone as columns: MESSAGE_FACTS and its remote id."""
    *texts, facts = message_facts(message, FactsWriter())
    cleaned = [*(plain(each) if isinstance(each, str) else each for each in texts), _storable(facts)]
    return {"remote_id": plain(message.remote_id), **dict(zip(MESSAGE_FACTS, cleaned, strict=True))}


def message_of(row: Mapping[Any, Any]) -> MessageMetadata:
    """Read a message back from its row."""
    facts = decode(row["facts"])
    lists: Row = {name: tuple(_address(each) for each in facts.get(short, ())) for short, name in LISTS}
    texts: Row = {name: facts.get(short, "") for short, name in TEXTS}
    first = (row["in_reply_to"],) if row["in_reply_to"] else ()
    return MessageMetadata(
        remote_id=row["remote_id"],
        message_id=row["message_id"],
        sent_at=instant(row["sent_at"]),
        sent_offset=None if row["sent_offset"] is None else timedelta(minutes=row["sent_offset"]),
        sender=_address(facts["s"]) if "s" in facts else None,
        recipients=row["recipients"],
        subject=row["subject"],
        in_reply_to=tuple(facts["i"]) if "i" in facts else first,
        references=tuple(facts.get("x", ())),
        labels=labels_of(row["labels"]),
        size=facts.get("z"),
        bulk_headers=frozenset(facts.get("bh", ())),
        **lists,
        **texts,
    )


def written_on(facts: str) -> list[str]:
    """Read from a message's facts the addresses in From, Reply-To, To and Cc, without building the message."""
    found = decode(facts)
    return [pair[0] for part in "frtc" for pair in found.get(part, ())]


@lru_cache(maxsize=1 << 10)
def labels_text(labels: frozenset[str]) -> str:
    """Write labels as they stand in a row."""
    return "\n".join(sorted(labels))


def labels_of(text: str) -> frozenset[str]:
    """Read the labels of a message row."""
    return frozenset(text.split("\n")) if text else frozenset()


def _address(pair: list[str]) -> Address:
    return Address(email=pair[0], name=pair[1] if len(pair) > 1 else "")


# Calendar events; `event_facts.EventWriter` writes them.


def event_of(text: str) -> CalendarEvent:
    """Read a calendar event back from its JSON."""
    facts = decode(text)
    for name in ("start", "end", "original_start", "updated_at"):
        if name in facts:
            facts[name] = from_iso(facts[name])
    for name in ("organizer", "organizer_sent_by"):
        if name in facts:
            facts[name] = _address(facts[name])
    facts["recurrence"] = tuple(facts.get("recurrence", ()))
    facts["attendees"] = tuple(_attendee(each) for each in facts.get("attendees", ()))
    return CalendarEvent(**facts)


def occurrence_of(row: Mapping[Any, Any]) -> Occurrence:
    """Read an occurrence back from its row."""
    is_all_day = bool(row["is_all_day"])
    start, end = instant(row["start_at"]), instant(row["end_at"])
    return Occurrence(
        uid=row["uid"],
        original_start=from_iso(row["original_start"]),
        start=start.date() if is_all_day else start,
        end=end.date() if is_all_day else end,
        is_all_day=is_all_day,
        is_cancelled=bool(row["is_cancelled"]),
    )


def _attendee(facts: Row) -> Attendee:
    return Attendee(
        address=_address(facts["a"]),
        response=facts.get("p", "unknown"),
        role=facts.get("r", ""),
        kind=facts.get("k", ""),
        sent_by=_address(facts["s"]) if "s" in facts else None,
        delegated_to=_address(facts["d"]) if "d" in facts else None,
    )


def addresses_json(addresses: tuple[Address, ...]) -> str:
    """Write a list of addresses as JSON."""
    return json_text([(each.email, each.name) for each in addresses])


def addresses_of(text: str) -> tuple[Address, ...]:
    """Read a list of addresses back from its JSON."""
    return tuple(_address(each) for each in decode(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where facts come from: an owner's account, its feed, and the generation of the read."""

    owner: str
    account: str
    feed: str
    generation: int = 0
