"""A mailbox and calendars on servers as material for a trial: looked at read-only, the newest first, kept nowhere."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import Final

from connectors.optional import Packs
from connectors.port import AuthorizationExpired, Connection, Feed, PortError, Skipped
from rules.facts import CalendarEvent, MessageMetadata
from rules.people import OwnerKeys
from worker.store.forgotten import Forgotten
from worker.store.mail_page import Packing

TASTE: Final = 1000
"""Messages of Sent and Inbox that are read before all others: names need both sides."""
FIRST: Final = frozenset({"\\Sent", "\\Inbox", "\\All"})
Found = MessageMetadata | Skipped


@dataclass(slots=True)
class Count:
    """Messages passed so far."""

    done: int = 0


class Live:
    """One opened account. `disk.done` counts messages; satisfies `worker.trial_reading.Material`."""

    step = 200

    def __init__(self, connection: Connection) -> None:
        self._mailbox, self._calendar = connection.mailbox, connection.calendar
        self._connection = connection
        self._tasted: dict[str, list[Found]] | None = None
        self._feeds: list[Feed] = []
        self._left = 0
        self.disk = Count()

    def addresses(self) -> tuple[str, ...]:
        """Return what the servers say is the owner's address."""
        return tuple(each.email for each in self._connection.addresses())

    def sample(self) -> Iterator[Found]:
        """Yield the newest messages of Sent and Inbox; not counted."""
        for found in self._taste().values():
            yield from found

    def messages(self) -> Iterator[Found]:
        """Yield every message once, those of the sample first."""
        tasted = self._taste()
        for found in tasted.values():
            yield from self._counted(iter(found))
        with self._packing():
            for feed in self._feeds:
                known = {each.remote_id for each in tasted.get(feed.id, ())}
                yield from self._counted(each for each in self._read(feed) if each.remote_id not in known)

    def _packing(self) -> AbstractContextManager[None]:
        """Have one second process read for all folders together, where they are long."""
        mailbox: object = self._mailbox
        nobodys = Forgotten(owner="", pepper="", digests=frozenset())  # whose mail it is, a trial finds out itself
        by = Packing(known_as=OwnerKeys(keys=frozenset()), forgotten=nobodys)
        return mailbox.packing(by) if isinstance(mailbox, Packs) else nullcontext()

    def events(self) -> Iterator[CalendarEvent | Skipped]:
        """Yield every event of every calendar, or why one cannot be read."""
        for feed in self._calendar.feeds() if self._calendar is not None else ():
            try:
                for page in self._calendar.changes(feed, None) if self._calendar is not None else ():
                    yield from page.skipped
                    yield from page.upserted
            except AuthorizationExpired:
                raise
            except PortError as error:
                yield Skipped(remote_id=feed.name, reason=str(error))

    def size(self) -> int:
        """Return how many messages there are, as far as is known by now."""
        return self.disk.done + self._left

    def calendar_size(self) -> int:
        """Return 0: calendars are read before anything is counted."""
        return 0

    def _taste(self) -> dict[str, list[Found]]:
        if self._tasted is None:
            self._feeds = list(self._mailbox.feeds()) if self._mailbox is not None else []
            both = [feed for feed in self._feeds if feed.role in FIRST] or self._feeds[:2]
            self._tasted = {}
            for feed in both:
                with closing(self._read(feed)) as found:
                    self._tasted[feed.id] = list(islice(found, TASTE))
        return self._tasted

    def _counted(self, found: Iterator[Found]) -> Iterator[Found]:
        for each in found:
            self.disk.done += 1
            yield each

    def _read(self, feed: Feed) -> Generator[Found, None, None]:
        """Read a folder page by page; one that fails is named and keeps no other from being read."""
        if self._mailbox is None:
            return
        seen: set[str] = set()
        try:
            for page in self._mailbox.changes(feed, None):
                self._left = page.remaining or 0
                yield from (each for each in page.upserted if each.remote_id not in seen)
                yield from page.skipped
                seen.update(each.remote_id for each in page.upserted[:50])
        except AuthorizationExpired:
            raise
        except PortError as error:
            yield Skipped(remote_id=feed.name, reason=str(error))
