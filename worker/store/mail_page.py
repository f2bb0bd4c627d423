"""A page of mail as the store takes it in: what each message comes to by itself, worked out wherever the mail is read."""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from sys import intern
from typing import Any, Final, cast, overload

from connectors.letter import Letter, messages
from connectors.optional import Portion
from rules.facts import MessageMetadata
from rules.people import OwnerKeys, Sighting, observe, sighting
from rules.sightings import Direction, Role
from worker.store.forgotten import Forgotten
from worker.store.letter_rows import ENDINGS, Letters, Seen, Written, is_promise
from worker.store.mapping import message_facts, message_of
from worker.store.message_facts import FactsWriter
from worker.store.storable import is_written_clean, storable

SIGNALS: Final = Written._fields.index("signals")
PLAIN: Final = 2
"""The version of marshal that does not look for what is told twice."""


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

    def add(self, found: Iterable[MessageMetadata | Letter], letters: Letters) -> None:
        """Work out what messages come to."""
        writer = FactsWriter()
        for each in found:
            if isinstance(each, Letter):
                shared = letters.shared(each.envelope, each.route)
                row = letters.row(each, shared)
                if row is not None:
                    self._put(row, shared.seen, shared.is_telling)
                else:
                    self._add(each.message(), writer, letters.owner)
            else:
                self._add(each, writer, letters.owner)

    def _add(self, each: MessageMetadata, writer: FactsWriter, owner: OwnerKeys) -> None:
        remote_id, written = each.remote_id, message_facts(each, writer)
        name, sent_at, offset, recipients, subject, parent, thread, labels, facts = written
        if not is_written_clean(each, (remote_id, name, subject, parent, thread), facts):
            each = storable(each)  # what is concluded from it is concluded from what is stored
            remote_id, written = each.remote_id, message_facts(each, FactsWriter())
            name, sent_at, offset, recipients, subject, parent, thread, labels, facts = written
        shown = observe(each, owner)
        bits = int(shown.signals)
        row = remote_id, name, sent_at, offset, shown.author, bits, recipients, subject, parent, thread, labels, facts
        self._put(row, (shown.recipients, shown.sightings), bits & ENDINGS or ("+" in facts and is_promise(each, owner)))

    def _put(self, row: tuple[Any, ...], seen: Seen, is_telling: object) -> None:
        self.rows[row[0]], self.seen[row[0]] = row, seen
        if is_telling:
            self.telling[row[0]] = row[SIGNALS]
        else:
            self.telling.pop(row[0], None)

    def take(self, packed: bytes) -> None:
        """Add what `packed` has put together."""
        rows, numbers, kinds, sightings, telling = marshal.loads(packed)  # noqa: S302 - a process of ours wrote it
        shown = list(map(_read, sightings))
        seen = [(recipients, tuple([shown[number] for number in those])) for recipients, *those in kinds]
        ids = [row[0] for row in rows]
        self.rows.update(zip(ids, rows, strict=True))
        self.seen.update(zip(ids, map(seen.__getitem__, numbers), strict=True))
        for each in self.telling.keys() & set(ids) if self.telling else ():
            del self.telling[each]
        self.telling.update(telling)

    def packed(self) -> bytes:
        """Put together, in plain values, what `take` adds; what is seen again goes by its number, and so does a sighting."""
        seen = list(self.seen.values())
        same = list(map(id, seen))
        kinds = list(dict(zip(same, seen, strict=True)).values())
        numbers = dict(zip(map(id, kinds), range(len(kinds)), strict=True))
        sighted = {id(each): each for _, those in kinds for each in those}
        known = {each: number for number, each in enumerate(sighted)}
        told = [(recipients, *[known[id(each)] for each in those]) for recipients, those in kinds]
        plain = [_written(one) for one in sighted.values()]
        marked = list(map(numbers.__getitem__, same))
        return marshal.dumps(([*self.rows.values()], marked, told, plain, self.telling), PLAIN)


def _written(one: Sighting) -> str:
    """Write a sighting as one text, under which it is soon found again; nothing that is stored holds a NUL."""
    return "\0".join((one.key, one.address.email, one.address.name, one.role, one.direction, *one.tallies))


@lru_cache(maxsize=1 << 12)
def _read(text: str) -> Sighting:
    key, email, name, role, direction, *tallies = text.split("\0")
    return sighting(key, email, name, cast("Role", role), cast("Direction", direction), tuple(map(intern, tallies)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """How an owner's mail becomes pages of the store; satisfies `connectors.optional.Packing`. Picklable, pure."""

    known_as: OwnerKeys
    forgotten: Forgotten
    letters: Letters = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Begin without any."""
        object.__setattr__(self, "letters", Letters(self.known_as))

    def page(self, found: Sequence[MessageMetadata | Letter]) -> MailPage:
        """Work out what messages come to."""
        page = MailPage(by=self)
        page.add(self._passed(found), self.letters)
        return page

    def pack(self, found: Sequence[MessageMetadata | Letter]) -> bytes:
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
                    page.add(self._passed(each), self.letters)
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

    def _passed(self, found: Sequence[MessageMetadata | Letter]) -> Sequence[MessageMetadata | Letter]:
        """Leave out the forgotten, however their addresses are written."""
        return self.forgotten.messages(list(map(storable, messages(found)))) if self.forgotten.digests else found
