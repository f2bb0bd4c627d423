"""What stands behind the reference connector: a provider that lives as long as the object, with the owner's hands on it.

Tests hold it directly: `mail` and `calendar` are changed as an owner would (`put`, `remove`), and the provider fails when
told to (`fail_next`, `expire_cursors`, `is_lagging`).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from connectors.port import PortError
from rules.facts import Address, CalendarEvent, MessageMetadata

Thing = TypeVar("Thing", MessageMetadata, CalendarEvent)


@dataclass(slots=True)
class Item(Generic[Thing]):
    """One message or event as the provider keeps it, body and all."""

    feed: str
    fact: Thing
    body: str = field(default="", repr=False)
    is_read: bool = False
    version: int = 0
    made: Thing | None = None
    """What we wrote, where it is ours."""
    made_version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the append-only change log: something in a feed was put, or is gone."""

    feed: str
    remote_id: str
    marker: str = ""


class Provider:
    """A mailbox and a calendar that live as long as the object does."""

    def __init__(self, *, addresses: Sequence[Address] = (), page_size: int = 50) -> None:
        self.addresses = tuple(addresses)
        self.page_size = page_size
        self.epoch = 1
        self.is_lagging = False
        """Whether searches miss what was written lately: a second attempt is then told Unclear."""
        self.changed = threading.Condition(threading.RLock())
        self._failures: list[tuple[PortError, bool]] = []
        self.mail: Shelf[MessageMetadata] = Shelf(self)
        self.calendar: Shelf[CalendarEvent] = Shelf(self)

    def fail_next(self, error: PortError, *, is_stored: bool = False) -> None:
        """Answer the next request with the error; `is_stored`: the next save is stored first, and its answer lost."""
        with self.changed:
            self._failures.append((error, is_stored))

    def forget_failures(self) -> None:
        """Answer as usual again."""
        with self.changed:
            self._failures.clear()

    def expire_cursors(self) -> None:
        """Reject every cursor given out so far."""
        with self.changed:
            self.epoch += 1

    def gate(self, *, is_stored: bool = False) -> None:
        """Raise the failure that is next in line, where it is one of this kind."""
        if self._failures and self._failures[0][1] is is_stored:
            raise self._failures.pop(0)[0]


class Shelf(Generic[Thing]):
    """The items of one kind and the log of their changes; the owner's hands work here."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.items: dict[str, Item[Thing]] = {}
        self.log: list[Entry] = []

    def fresh_id(self, kind: str) -> str:
        """Give an id as mail servers do: by counting, so that nothing but a search keeps a second copy away."""
        with self.provider.changed:
            return f"{kind}.{len(self.log) + 1}"

    def put(self, feed: str, fact: Thing, *, body: str = "", marker: str = "", is_made: bool = False) -> Item[Thing]:
        """Add an item, or give it another fact or feed."""
        with self.provider.changed:
            remote_id = fact.remote_id
            item = self.items.get(remote_id)
            if item is None:
                item = self.items[remote_id] = Item(feed, fact, body)
            elif item.feed != feed:
                self._write(Entry(feed=item.feed, remote_id=remote_id))
            item.feed, item.fact = feed, fact
            item.version = self._write(Entry(feed=feed, remote_id=remote_id, marker=marker))
            if is_made:
                item.made, item.made_version = fact, item.version
            return item

    def remove(self, remote_id: str) -> None:
        """Take an item away for good; taking it twice changes nothing."""
        with self.provider.changed:
            item = self.items.pop(remote_id, None)
            if item is not None:
                self._write(Entry(feed=item.feed, remote_id=remote_id))

    def _write(self, entry: Entry) -> int:
        self.log.append(entry)
        self.provider.changed.notify_all()
        return len(self.log)
