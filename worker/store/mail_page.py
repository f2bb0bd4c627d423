"""A page of mail as the store takes it in: what each message comes to by itself, worked out wherever the mail is read."""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, overload

from connectors.optional import Portion
from rules.facts import MessageMetadata
from rules.people import OwnerKeys, Sighting, observe, sighting
from rules.promises import is_promise_box
from rules.signals import Signal
from worker.store.forgotten import Forgotten
from worker.store.mapping import message_facts, message_of
from worker.store.message_facts import FactsWriter
from worker.store.storable import is_written_clean, storable

ENDINGS: Final = int(Signal.BOUNCE | Signal.ANSWERED_BY_MACHINE)
PLAIN: Final = 2
"""The version of marshal that does not look for what is told twice."""


class Written(NamedTuple):
    """What a row of a message holds but for its place: its id, whose it is, where it lies, and which read has seen it."""

    remote_id: str
    message_id: str
    sent_at: int
    sent_offset: int | None
    author: str
    signals: int
    recipients: int
    subject: str
    in_reply_to: str
    thread: str
    labels: str
    facts: str


Seen = tuple[int, tuple[Sighting, ...]]
"""How many people a message addressed, and whom it shows."""


@dataclass(slots=True)
class MailPage(Sequence[MessageMetadata]):
    """Messages by remote id; as a sequence, the messages themselves, made of their rows. Of one that comes twice the last counts."""

    rows: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    """Each a Written, or what one is made of."""
    seen: dict[str, Seen] = field(default_factory=dict)
    telling: dict[str, int] = field(default_factory=dict)
    """Signals of those that tell more than who wrote to whom: what comes back, and what is sent to the promise box."""
    by: Packing | None = None
    """By whose lights; None = by those of whoever has just made it."""

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[MessageMetadata]:
        return map(self.message, self.rows)

    @overload
    def __getitem__(self, at: int) -> MessageMetadata: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[MessageMetadata]: ...
    def __getitem__(self, at: int | slice) -> MessageMetadata | Sequence[MessageMetadata]:
        found = list(self.rows)[at]
        return self.message(found) if isinstance(found, str) else [self.message(each) for each in found]

    def message(self, remote_id: str) -> MessageMetadata:
        """Make one message of its row."""
        return message_of(Written._make(self.rows[remote_id])._asdict())

    def without(self, remote_ids: Iterable[str]) -> MailPage:
        """Return the page without some of its messages."""
        page = MailPage(rows=dict(self.rows), seen=dict(self.seen), telling=dict(self.telling), by=self.by)
        for each in remote_ids:
            for part in (page.rows, page.seen, page.telling):
                part.pop(each, None)
        return page

    def told(self) -> Iterator[tuple[MessageMetadata, int]]:
        """Yield the messages that tell more, each with its signals."""
        return ((self.message(each), bits) for each, bits in self.telling.items())

    def add(self, found: Iterable[MessageMetadata], owner: OwnerKeys) -> None:
        """Work out what messages come to."""
        writer = FactsWriter()
        for each in found:
            remote_id, written = each.remote_id, message_facts(each, writer)
            name, sent_at, offset, recipients, subject, parent, thread, labels, facts = written
            if not is_written_clean(each, (remote_id, name, subject, parent, thread), facts):
                each = storable(each)  # noqa: PLW2901 - what is concluded from it is concluded from what is stored
                remote_id, written = each.remote_id, message_facts(each, FactsWriter())
                name, sent_at, offset, recipients, subject, parent, thread, labels, facts = written
            shown = observe(each, owner)
            bits = int(shown.signals)
            self.rows[remote_id] = (
                remote_id, name, sent_at, offset, shown.author, bits, recipients, subject, parent, thread, labels, facts,
            )  # fmt: skip
            self.seen[remote_id] = shown.recipients, shown.sightings
            if bits & ENDINGS or ("+" in facts and is_promise(each, owner)):
                self.telling[remote_id] = bits
            else:
                self.telling.pop(remote_id, None)

    def take(self, packed: bytes) -> None:
        """Add what `packed` has put together."""
        rows, seen, sightings, telling = marshal.loads(packed)  # noqa: S302 - a process of ours wrote it
        shown = [sighting(*each) for each in sightings].__getitem__
        for row, (recipients, *those) in zip(rows, seen, strict=True):
            self.rows[row[0]] = row
            self.seen[row[0]] = recipients, tuple(map(shown, those))
            self.telling.pop(row[0], None)
        self.telling.update(telling)

    def packed(self) -> bytes:
        """Put together, in plain values, what `take` adds; a sighting that comes again goes by its number."""
        numbers: dict[int, int] = {}
        sightings: list[tuple[Any, ...]] = []
        seen: list[tuple[int, ...]] = []
        for recipients, those in self.seen.values():
            told = [recipients]
            for each in those:
                number = numbers.get(id(each))
                if number is None:
                    number = numbers[id(each)] = len(sightings)
                    sightings.append((each.key, each.address.email, each.address.name, each.role, each.direction, each.tallies))
                told.append(number)
            seen.append(tuple(told))
        return marshal.dumps((list(self.rows.values()), seen, sightings, self.telling), PLAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """How an owner's mail becomes pages of the store; satisfies `connectors.optional.Packing`. Picklable, pure."""

    known_as: OwnerKeys
    forgotten: Forgotten

    def page(self, found: Sequence[MessageMetadata]) -> MailPage:
        """Work out what messages come to."""
        page = MailPage(by=self)
        page.add(self._passed(found), self.known_as)
        return page

    def pack(self, found: Sequence[MessageMetadata]) -> bytes:
        """Do so where only bytes can be handed on."""
        return self.page(found).packed()

    def unpack(self, portions: Sequence[Portion]) -> Sequence[MessageMetadata]:
        """Make one page of what was packed, and of messages that were not; return them as they are where one is poison."""
        page = MailPage(by=self)
        try:
            for each in portions:
                if isinstance(each, bytes):
                    page.take(each)
                else:
                    page.add(self._passed(each), self.known_as)
        except Exception:  # noqa: BLE001 - whoever commits the page finds out which
            return [message for each in portions for message in (self._taken(each) if isinstance(each, bytes) else each)]
        return page

    def _taken(self, packed: bytes) -> MailPage:
        page = MailPage(by=self)
        page.take(packed)
        return page

    def taken(self, found: Sequence[MessageMetadata]) -> MailPage:
        """Take messages for a page, which they may be already, by these very lights."""
        return found if isinstance(found, MailPage) and found.by == self else self.page(found)

    def _passed(self, found: Sequence[MessageMetadata]) -> Sequence[MessageMetadata]:
        """Leave out the forgotten, however their addresses are written."""
        return self.forgotten.messages([storable(each) for each in found]) if self.forgotten.digests else found


def is_promise(found: MessageMetadata, known_as: OwnerKeys) -> bool:
    """Tell whether a message went to the owner's promise address; few addresses have a tag at all."""
    for part in (found.to, found.cc, found.bcc):
        for to in part:
            if "+" in to.email and is_promise_box(to.email, known_as.keys):
                return True
    return False
